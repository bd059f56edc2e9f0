/** A value as a message quotes it: short, on one line. */
export function quote(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  const text = typeof value === 'string' ? JSON.stringify(value) : `the ${typeof value} ${value}`
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** A message for zod that says what is wrong and what would be right. */
export function wrong(expected: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) =>
    input === undefined
      ? `is missing: it must be ${expected}`
      : `is ${quote(input)}: it must be ${expected}`
}
