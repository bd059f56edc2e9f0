import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml'
import { type Path, printPath, type SpecProblem } from './problem.ts'

/** One YAML document of a file: its data, and where each part of it stands. */
export interface YamlDocument {
  readonly file: string
  readonly data: unknown
  /** The fleet's name, where it can be read. */
  readonly fleet: string | undefined
  /** False with flaws that leave it readable, such as a key given twice: it may be checked, but not be run. */
  readonly isSound: boolean
  place(path: Path, at: 'key' | 'value'): { readonly line: number; readonly column: number }
}

/** What a file's text holds. Documents that are no sound YAML are left out and told of. */
export interface YamlText {
  readonly documents: readonly YamlDocument[]
  readonly problems: readonly SpecProblem[]
}

/** More than any honest spec needs, few enough that a nest of aliases stays small. */
const MAX_ALIASES = 100
/** One slip of the pen makes many syntax errors: the first ones tell. */
const MAX_SYNTAX_ERRORS = 10
const TOO_DEEP = 'is nested too deeply to be a spec'
const FLEET_NAME = /^[a-z0-9-]{1,63}$/

/** Reads every document of a text. Never throws, whatever the text. */
export function readYaml(file: string, text: string): YamlText {
  const lines = linesOf(text)
  const documents: YamlDocument[] = []
  const problems: SpecProblem[] = []
  try {
    // uniqueKeys compares every key with every other: duplicates are found here in one pass instead.
    const options = {
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'error' as const,
    }
    const parsed = parseAllDocuments(text, options)
    for (const document of 'empty' in parsed ? [] : parsed) {
      readDocument(file, document, lines, documents, problems)
    }
  } catch (error) {
    problems.push(unreadable(file, error))
  }
  return { documents, problems }
}

/** Offsets at which lines begin. The parser's own line counter misses some after errors. */
interface Lines {
  readonly starts: readonly number[]
  /** The last character that says something: errors at the very end are shown there. */
  readonly end: number
}

function readDocument(
  file: string,
  document: Document.Parsed,
  lines: Lines,
  documents: YamlDocument[],
  problems: SpecProblem[],
): void {
  const syntax = [...document.errors, ...document.warnings]
  const fleet = nameIn(document)
  const at = (offset: number) => placeOf(lines, offset)
  for (const { pos, message } of syntax.slice(0, MAX_SYNTAX_ERRORS)) {
    problems.push({ kind: 'syntax', file, ...at(pos[0]), path: '', message: plain(message), fleet })
  }
  const flaws = [...duplicateKeys(document, lines), ...badAliases(document)]
  for (const { offset, path, message } of flaws) {
    problems.push({ kind: 'syntax', file, ...at(offset), path, message, fleet })
  }
  if (syntax.length > 0 || flaws.some(({ isFatal }) => isFatal)) return
  if (document.contents === null || isEmpty(document.contents)) return
  try {
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    const place = (path: Path, which: 'key' | 'value') => at(offsetOf(document, path, which))
    documents.push({ file, data, fleet, isSound: flaws.length === 0, place })
  } catch (error) {
    problems.push({ ...unreadable(file, error), ...at(document.range[0]), fleet })
  }
}

interface Flaw {
  readonly offset: number
  readonly path: string
  readonly message: string
  /** Whether the document's data can not be trusted at all. */
  readonly isFatal: boolean
}

function duplicateKeys(document: Document.Parsed, lines: Lines): Flaw[] {
  const flaws: Flaw[] = []
  visit(document, {
    Map: (_, map, ancestors) => {
      const seen = new Map<string, number>()
      for (const { key } of map.items) {
        const name = keyText(document, key)
        const offset = startOf(key) ?? startOf(map) ?? 0
        const first = seen.get(name)
        if (first === undefined) {
          seen.set(name, offset)
          continue
        }
        const message = `is given twice: the first is in line ${placeOf(lines, first).line}, keep one`
        const path = printPath([...pathOf(document, [...ancestors, map]), name])
        flaws.push({ offset, path, message, isFatal: false })
      }
    },
  })
  return flaws
}

function badAliases(document: Document.Parsed): Flaw[] {
  const flaws: Flaw[] = []
  let count = 0
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const offset = startOf(alias) ?? 0
      count += 1
      // Each alias is looked up by a walk through the document: too many would take minutes.
      if (count > MAX_ALIASES) {
        const message = `is one alias too many: a document may have ${MAX_ALIASES}`
        flaws.push({ offset, path: '', message, isFatal: true })
        return visit.BREAK
      }
      const target = alias.resolve(document)
      const isCircle = target !== undefined && ancestors.includes(target)
      if (target !== undefined && !isCircle) return undefined
      const message = isCircle
        ? `*${alias.source} stands inside its own anchor`
        : `*${alias.source} has no anchor &${alias.source} before it`
      flaws.push({ offset, path: '', message, isFatal: true })
      return undefined
    },
  })
  return flaws
}

/** The path of the last of a line of ancestors. */
function pathOf(document: Document.Parsed, ancestors: readonly unknown[]): Path {
  return ancestors.flatMap((ancestor, index): Path => {
    const child = ancestors[index + 1]
    if (isPair(ancestor) && child !== undefined) return [keyText(document, ancestor.key)]
    return isSeq(ancestor) && child !== undefined ? [ancestor.items.indexOf(child)] : []
  })
}

/** The fleet's name even of a document with errors, where it can be read. */
function nameIn(document: Document.Parsed): string | undefined {
  try {
    const name: unknown = document.getIn(['metadata', 'name'])
    return typeof name === 'string' && FLEET_NAME.test(name) ? name : undefined
  } catch {
    return undefined
  }
}

/** Where a path stands; for what is missing, where its nearest parent does. */
function offsetOf(document: Document.Parsed, path: Path, at: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? document.range[0]
  for (const [depth, part] of path.entries()) {
    const parent = isAlias(node) ? node.resolve(document) : node
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => keyText(document, key) === String(part))
      if (pair === undefined) return offset
      const isTarget = depth === path.length - 1 && at === 'value'
      offset = (isTarget ? startOf(pair.value) : undefined) ?? startOf(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(parent) && typeof part === 'number') {
      node = parent.items[part]
      offset = startOf(node) ?? offset
    } else {
      return offset
    }
  }
  return offset
}

/** A key as toJS spells it. */
function keyText(document: Document.Parsed, key: unknown): string {
  const node = isAlias(key) ? key.resolve(document) : key
  return isScalar(node) ? String(node.value ?? '') : String(node)
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}

function linesOf(text: string): Lines {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return { starts, end: Math.max(0, text.trimEnd().length - 1) }
}

function placeOf({ starts, end }: Lines, offset: number): { line: number; column: number } {
  const shown = Math.min(offset, end)
  let [low, high] = [0, starts.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? 0) <= shown) low = middle
    else high = middle
  }
  return { line: low + 1, column: shown - (starts[low] ?? 0) + 1 }
}

/** A document of comments alone. */
function isEmpty(contents: Node): boolean {
  return isScalar(contents) && contents.value === null && (contents.source ?? '') === ''
}

function plain(message: string): string {
  // The parser passes its own stack's end on as an error of the document.
  if (message.includes('call stack')) return TOO_DEEP
  return message.replaceAll(/\s+/g, ' ').trim()
}

function unreadable(file: string, error: unknown): SpecProblem {
  const message =
    error instanceof RangeError
      ? TOO_DEEP
      : `cannot be read as YAML: ${plain(error instanceof Error ? error.message : String(error))}`
  return { kind: 'syntax', file, line: 1, column: 1, path: '', message }
}
