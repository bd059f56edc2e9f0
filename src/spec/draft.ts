import { makeUnknownKeyAdvice } from './known-keys.ts'
import type { Finding, Path } from './problem.ts'
import { API_VERSION, type FleetDocument, fleetSchema, KIND } from './schema.ts'
import { quote } from './wrong.ts'

/** A document as far as it can be understood: what is broken is replaced by something harmless and noted. */
export interface Draft {
  readonly document: FleetDocument
  /** Whether the document says so itself, rather than a default. */
  has(...path: Path): boolean
  /** False where the document is broken at, above or below the path: nothing may be concluded from there. */
  isSound(...path: Path): boolean
  /** False where the document is broken at or above the path; parts of it may be broken all the same. */
  isReadable(...path: Path): boolean
}

/** What one document is by its schema alone. */
export interface SchemaVerdict {
  readonly findings: readonly Finding[]
  /** Undefined when too little is left to check further. */
  readonly draft: Draft | undefined
}

type Issue = NonNullable<ReturnType<typeof fleetSchema.safeParse>['error']>['issues'][number]

/** A document with a thousand mistakes is one mistake. */
const MAX_FINDINGS = 50

/** Checks one document's shape, and drafts what it means so that the other rules can be checked as well. */
export function checkShape(data: unknown): SchemaVerdict {
  const foreign = foreignDocument(data)
  if (foreign !== undefined) return { findings: [foreign], draft: undefined }
  const parsed = fleetSchema.safeParse(data)
  if (parsed.success) return { findings: [], draft: draftOf(parsed.data, data, []) }
  const { issues } = parsed.error
  const broken = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? [] : [keysOf(issue)],
  )
  const mended = fleetSchema.safeParse(mend(data, issues))
  return {
    findings: findingsOf(issues),
    draft: mended.success ? draftOf(mended.data, data, broken) : undefined,
  }
}

/** Documents that are not ours get one message, not one for every key. */
function foreignDocument(data: unknown): Finding | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    const message = `is ${quote(data)}: a document begins with apiVersion: ${API_VERSION} and kind: ${KIND}`
    return { path: [], at: 'value', message }
  }
  const { kind, apiVersion } = data as Readonly<Record<string, unknown>>
  const isOurs = apiVersion === API_VERSION || apiVersion === undefined
  if (kind !== undefined && kind !== KIND) {
    const message = `is ${quote(kind)}: acefleet reads documents of kind ${KIND} only, keep others elsewhere`
    return { path: ['kind'], at: 'value', message }
  }
  if (isOurs) return undefined
  const message = `is ${quote(apiVersion)}: this version of acefleet reads ${API_VERSION}`
  return { path: ['apiVersion'], at: 'value', message }
}

function draftOf(document: FleetDocument, data: unknown, broken: readonly Path[]): Draft {
  const startsWith = (path: Path, start: Path) => start.every((part, index) => part === path[index])
  const isReadable = (...path: Path) => !broken.some((each) => startsWith(path, each))
  return {
    document,
    has: (...path) => valueAt(data, path) !== undefined,
    isSound: (...path) => isReadable(...path) && !broken.some((each) => startsWith(each, path)),
    isReadable,
  }
}

function findingsOf(issues: readonly Issue[]): Finding[] {
  const hasUnknown = issues.some(({ code }) => code === 'unrecognized_keys')
  const adviceOn = hasUnknown ? makeUnknownKeyAdvice() : () => ''
  const findings = new Map<string, Finding>()
  // Two checks that fail on one value say the same thing.
  const add = (finding: Finding) => {
    const id = JSON.stringify(finding.path)
    if (findings.size < MAX_FINDINGS && !findings.has(id)) findings.set(id, finding)
  }
  for (const issue of issues) {
    const path = keysOf(issue)
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, MAX_FINDINGS)) {
        add({ path: [...path, key], at: 'key', message: adviceOn(path, key) })
      }
    } else if (issue.code === 'invalid_key') {
      const message = 'is no name of an environment variable: letters, digits and _, no digit first'
      add({ path, at: 'key', message })
    } else {
      add({ path, at: 'value', message: issue.message })
    }
  }
  return [...findings.values()]
}

function keysOf(issue: Issue): Path {
  return issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
}

/** What stands in for a broken value that has no default; rules never look at it. */
const STAND_INS: readonly (readonly [RegExp, unknown])[] = [
  [/^apiVersion$/, API_VERSION],
  [/^kind$/, KIND],
  [/^metadata$/, { name: 'x' }],
  [/^metadata\/name$/, 'x'],
  [/^spec\/replicas$/, 1],
  [/^spec\/vpn$/, { mode: 'none' }],
  [/^spec\/vpn\/mode$/, 'none'],
  [/^spec\/vpn\/nodes\/\d+$/, { name: 'xx', ports: '1-1' }],
  [/^spec\/vpn\/nodes\/\d+\/name$/, 'xx'],
  [/^spec\/vpn\/nodes\/\d+\/ports$/, '1-1'],
  [/^spec\/engine\/args\/\d+$/, ''],
]

function mend(data: unknown, issues: readonly Issue[]): unknown {
  const copy: unknown = structuredClone(data)
  for (const issue of issues) {
    const path = keysOf(issue)
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) replace(copy, [...path, key], undefined)
    } else {
      const standIn = STAND_INS.find(([pattern]) => pattern.test(path.join('/')))?.[1]
      replace(copy, path, standIn)
    }
  }
  return copy
}

function replace(data: unknown, path: Path, value: unknown): void {
  const holder = valueAt(data, path.slice(0, -1))
  const key = path.at(-1)
  if (key === undefined || typeof holder !== 'object' || holder === null) return
  if (value === undefined) Reflect.deleteProperty(holder, key)
  else Reflect.set(holder, key, structuredClone(value))
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}
