import { stringify } from 'yaml'

/** A value as a program reads it: indented JSON or YAML, ended by a line break. */
export function printData(value: unknown, format: 'json' | 'yaml'): string {
  // Aliases would be right, but nobody expects them in such output.
  if (format === 'yaml') return stringify(value, { aliasDuplicateObjects: false })
  return `${JSON.stringify(value, null, 2)}\n`
}
