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
  /** Why it is of no use: it is not connected, or refused or left unanswered what it was asked last. */
  trouble(): string | undefined
}

type EvalArgs = readonly (string | number)[]

export function leaseServer(connection: Connection, clock: Clock): LeaseServer {
  /** Of the last answer, and on which link: another link is another chance. */
  let failure: { readonly link: Link; readonly message: string } | undefined

  async function call(link: Link, source: string, keys: number, args: EvalArgs) {
    try {
      const answer = await link.call('eval', source, keys, ...args)
      failure = undefined
      return answer
    } catch (error) {
      const away = connection.unavailable((error as Error).message)
      failure = { link, message: away.message }
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
        return connection.present().link === failure?.link ? failure.message : undefined
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
