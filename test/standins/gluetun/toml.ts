/** A table of Gluetun's role file: keys in lower case, with strings or lists of strings. */
export type TomlTable = ReadonlyMap<string, string | readonly string[]>

/** Thrown when a role file is no TOML, or more of it than a role file needs. */
export class BadToml extends Error {
  override readonly name = 'BadToml'
  readonly code = 'STANDIN_BAD_TOML'
}

type Token = { readonly kind: 'string' | 'word' | 'mark' | 'end'; readonly text: string }

const pattern = /[^\S\n]+|#[^\n]*|"((?:[^"\\\n]|\\["\\])*)"|'([^'\n]*)'|\[\[|\]\]|[[\],=\n]|[\w-]+/y

function* tokensOf(text: string): Generator<Token> {
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) throw new BadToml(`line ${lineAt(text, at)} is no TOML`)
    const [whole, quoted, literal] = found
    if (quoted !== undefined) yield { kind: 'string', text: quoted.replaceAll(/\\(.)/g, '$1') }
    else if (literal !== undefined) yield { kind: 'string', text: literal }
    else if (/^[\w-]+$/.test(whole)) yield { kind: 'word', text: whole }
    else if (!/^[^\S\n]|^#/.test(whole)) yield { kind: 'mark', text: whole }
  }
}

const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length

/** Walks over tokens; what is not as expected ends the reading. */
class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(text: string) {
    this.#tokens = [...tokensOf(text.replaceAll('\r\n', '\n'))]
  }

  get next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: 'the end' }
  }

  take(kind: Token['kind'], text?: string): string {
    const { next } = this
    if (next.kind !== kind || (text !== undefined && next.text !== text)) {
      throw new BadToml(`expected ${text ?? kind}, found ${JSON.stringify(next.text)}`)
    }
    this.#at += 1
    return next.text
  }

  takes(mark: string): boolean {
    if (this.next.kind !== 'mark' || this.next.text !== mark) return false
    this.#at += 1
    return true
  }

  skipLines(): void {
    while (this.takes('\n'));
  }

  /** One key and its value stand on lines of their own. */
  endLine(): void {
    if (this.next.kind !== 'end') this.take('mark', '\n')
  }
}

function readList(reader: Reader): readonly string[] {
  const items: string[] = []
  for (;;) {
    reader.skipLines()
    if (reader.takes(']')) return items
    items.push(reader.take('string'))
    reader.skipLines()
    if (reader.takes(']')) return items
    reader.take('mark', ',')
  }
}

/** Reads the tables of one name, and nothing else: `[[roles]]` with strings and lists of strings. @throws {BadToml} */
export function readTables(text: string, name: string): readonly TomlTable[] {
  const reader = new Reader(text)
  const tables: Map<string, string | readonly string[]>[] = []
  for (reader.skipLines(); reader.next.kind !== 'end'; reader.skipLines()) {
    if (reader.takes('[[')) {
      reader.take('word', name)
      reader.take('mark', ']]')
      tables.push(new Map())
    } else {
      const key = reader.take('word')
      const table = tables.at(-1)
      if (table === undefined) throw new BadToml(`strict mode: there is no field ${key}`)
      if (table.has(key.toLowerCase())) throw new BadToml(`${key} is given twice`)
      reader.take('mark', '=')
      table.set(key.toLowerCase(), reader.takes('[') ? readList(reader) : reader.take('string'))
    }
    reader.endLine()
  }
  return tables
}
