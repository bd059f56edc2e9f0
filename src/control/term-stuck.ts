import type { Clock } from '../time/clock.ts'

/** How long a term may take to let go: calls are aborted, and the store's answers are waited for no longer than 2 s. */
const LET_GO_MS = 5_000
/** A pause of the whole process counts as one of these at most: what answers meanwhile is heard after it. */
const SLICE_MS = 1_000

/**
 * Thrown when a term that is over does not let go of what it had under way. What it may still do is unknown, so the
 * process must end.
 */
export class TermStuck extends Error {
  override readonly name = 'TermStuck'
  readonly code = 'ACE_TERM_STUCK'
}

/**
 * Waits until a term has let go.
 * @throws {TermStuck} when it takes too long.
 */
export async function letGo(
  fleet: string,
  going: Promise<void>,
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  const gone = going.then(() => true)
  // Whoever waits no longer must not be hit by what comes after.
  gone.catch(() => {})
  for (let waited = 0; waited < LET_GO_MS; waited += SLICE_MS) {
    const slice = new AbortController()
    const isGone = await Promise.race([
      gone,
      clock.sleep(SLICE_MS, slice.signal).then(
        () => false,
        () => false,
      ),
    ]).finally(() => slice.abort())
    if (isGone) return
  }
  throw new TermStuck(
    `fleet ${fleet}: a term that is over has not let go within ${LET_GO_MS / 1_000} s; ` +
      'this process ends, and engines run on: start it anew',
  )
}
