import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where paths of documents begin. */
export const root = join(import.meta.dirname, '../..')

/** A file of the repository, by its path from the root. */
export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The part of a page below one heading, up to the next of the same or a higher level. */
export function section(page: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0
  const lines = page.split('\n')
  const from = lines.indexOf(heading)
  if (from < 0) throw new Error(`there is no heading "${heading}"`)
  const isEnd = (line: string) => /^#+ /.test(line) && line.indexOf(' ') <= level
  const length = lines.slice(from + 1).findIndex(isEnd)
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join('\n')
}

/** The cells of every table row in a text, titles and rules left out. */
export function rows(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const isRule = (line: string) => /^[|\s:-]+$/.test(line)
  return lines
    .filter((line, index) => !isRule(line) && !isRule(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    )
}

/** What stands between the first backticks of a cell; empty when there are none. */
export function code(cell: string | undefined): string {
  return /`([^`]+)`/.exec(cell ?? '')?.[1] ?? ''
}
