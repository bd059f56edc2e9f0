import type { RedlockClient } from 'redlock'
import type { Clock } from '../time/clock.ts'
import type { Connection } from './connection.ts'
import type { Link } from './link.ts'

/** One of the lease servers. */
export interface LeaseServer {
  readonly connection: Connection
  /** Runs a script on one key. Rejects with RedisUnavailable. */
  ask(source: string, key: string, ...args: (string | number)[]): Promise<unknown>
  /** For redlock to extend and release with. */
  readonly client: RedlockClient
  /** For redlock to acquire with: a server that may have forgotten a lease does not vote. */
  voter(ttlMs: number): RedlockClient
  /** Why it is of no use: it is not connected, or refused or left unanswered what it was asked again and again. */
  trouble(): string | undefined
}

type EvalArgs = readonly (string | number)[]

/** One late answer is no news: the next attempt comes within half a second. */
const FAILURES_TOLD = 2

export function leaseServer(connection: Connection, clock: Clock): LeaseServer {
  /** What failed last, how often in a row, and on which link: another link is another chance. */
  let failure: { readonly link: Link; readonly times: number; readonly message: string } | undefined

  async function call(link: Link, source: string, keys: number, args: EvalArgs) {
    try {
      const answer = await link.call('eval', source, keys, ...args)
      failure = undefined
      return answer
    } catch (error) {
      const away = connection.unavailable((error as Error).message)
      const times = (failure?.link === link ? failure.times : 0) + 1
      failure = { link, times, message: away.message }
      throw away
    }
  }
  const evaluate = async (source: string, keys: number, args: EvalArgs) =>
    await call(connection.present().link, source, keys, args)

  return {
    connection,
    ask: (source, key, ...args) => evaluate(source, 1, [key, ...args]),
    client: { evalsha, eval: evaluate },
    voter: (ttlMs) => ({
      evalsha,
      async eval(source, keys, args) {
        const { link, inPlaceSince } = connection.present()
        const ageMs = clock.monotonic() - (inPlaceSince ?? Number.NEGATIVE_INFINITY)
        const answer = await call(link, source, keys, args)
        // It was asked all the same, so that it knows of the lease from now on; and a lease that it does know of stands.
        if (answer !== 0 && ageMs < ttlMs) {
          throw connection.unavailable(
            `it took the place of another server ${Math.round(ageMs)} ms ago, and may not know of a lease ` +
              `that stands: it votes again after ${ttlMs} ms`,
          )
        }
        return answer
      },
    }),
    trouble() {
      try {
        const { link } = connection.present()
        if (failure === undefined || failure.link !== link) return undefined
        return failure.times < FAILURES_TOLD ? undefined : failure.message
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}

/**
 * Has redlock send scripts whole. By digest a server that was restarted would answer NOSCRIPT: that is a second round
 * trip within the same limit, and a release that nobody follows up when the answer comes late.
 */
async function evalsha(): Promise<never> {
  throw new Error('NOSCRIPT scripts are sent whole')
}
