/** Thrown when a setting is not the number that it should be. */
class BadNumber extends Error {
  override readonly name = 'BadNumber'
  readonly code = 'STANDIN_BAD_NUMBER'
}

/** Reads a whole number within bounds; undefined and the empty string are the default. @throws {BadNumber} */
export function readNumber<T>(
  name: string,
  text: string | undefined,
  bounds: readonly [number, number],
  absent: T,
): number | T {
  if (text === undefined || text === '') return absent
  const value = Number(text)
  const [least, most] = bounds
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new BadNumber(`${name} must be a whole number from ${least} to ${most}, got ${text}`)
  }
  return value
}
