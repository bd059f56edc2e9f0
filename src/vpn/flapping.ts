/** How often a node went down, and when it came back. Times in Unix ms. */
export interface FlapMemory {
  /** The last that was known for certain; undefined while nothing ever was. */
  readonly known: 'stands' | 'down' | undefined
  /** When it went down, within the last hour. */
  readonly downs: readonly number[]
  /** Until when it takes no new engines, though it is back. */
  readonly heldUntil: number
}

const HOUR_MS = 3_600_000
/** The second return within an hour waits twice this, and each one twice as long as the one before, up to the most, ms. */
const HOLD_MS = { unit: 5_000, most: 300_000 }

export const NEVER_FLAPPED: FlapMemory = { known: undefined, downs: [], heldUntil: 0 }

/** How long a node waits that went down so many times within the hour. The first return counts at once. */
function holdMs(downs: number): number {
  return downs < 2 ? 0 : Math.min(HOLD_MS.most, HOLD_MS.unit * 2 ** (downs - 1))
}

/** What is remembered after one more judgement; `unknown` is neither a fall nor a return (I9). */
export function afterJudgement(
  before: FlapMemory,
  state: 'up' | 'degraded' | 'down' | 'unknown',
  now: number,
): FlapMemory {
  if (state === 'unknown') return before
  const known = state === 'down' ? 'down' : 'stands'
  if (before.known === known) return before
  const downs = before.downs.filter((at) => now - at < HOUR_MS)
  // One that never stood did not fall.
  if (known === 'down')
    return { ...before, known, downs: before.known === 'stands' ? [...downs, now] : downs }
  const isReturn = before.known === 'down'
  return { known, downs, heldUntil: isReturn ? now + holdMs(downs.length) : before.heldUntil }
}
