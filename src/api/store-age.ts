import type { Context } from 'hono'
import type { Reading } from './remembered-reads.ts'

/** On answers that are from before the store went: their age in whole seconds. Absent on all others. */
export const STORE_AGE_HEADER = 'Acefleet-Store-Age'

/** Says in the answer how old what was read is, where the store did not tell it now. */
export function tellAge(context: Context, reading: Pick<Reading, 'staleness'>): void {
  const staleness = reading.staleness()
  if (staleness === undefined) return
  context.header(STORE_AGE_HEADER, String(Math.ceil(staleness.ageMs / 1_000)))
}
