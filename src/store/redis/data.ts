import { z } from 'zod'
import { type Redis, RedisUnavailable } from '../../redis/port.ts'
import { StoreUnavailable } from '../errors.ts'
import { keyOf, keyPrefix } from './keys.ts'
import type { StoreScript } from './script.ts'

/** Between this process's clock and the server's, as they stood when it was made. */
export interface ServerTime {
  toServer(ms: number): number
  fromServer(ms: number): number
}

/** A value for each of a script's arguments. */
export type Args<A extends string> = Readonly<Record<A, string | number>>

/** One instance's data on a Redis server. */
export interface Data {
  /** Replicas' clocks differ: whatever time they share is kept in the server's. @throws {StoreUnavailable} */
  time(): ServerTime
  /**
   * Runs a script and answers what it returned: a word that says how it went, and values. `fleet` is empty where the
   * script has to do with none in particular, `rest` goes behind the named arguments.
   * @throws {StoreUnavailable}
   */
  run<A extends string>(
    script: StoreScript<A>,
    fleet: string,
    args: Args<A>,
    rest?: readonly (string | number)[],
  ): Promise<readonly [string, ...unknown[]]>
  /** Reads what came out of the store. @throws {StoreUnavailable} when that is not what acefleet writes. */
  read<T>(parse: () => T): T
}

export interface DataOptions {
  readonly redis: Redis
  readonly instance: string
  /** Names a new incarnation. */
  readonly newId: () => string
}

const answerSchema = z.tuple([z.string()], z.unknown())

/** Numbers as text with all their digits; what is no number is a mistake of ours, and must not be written. */
function asText(value: string | number): string {
  if (typeof value === 'string') return value
  if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be stored`)
  return String(value)
}

/**
 * Whether Redis says that the script itself is wrong. What a command refused (out of memory, read-only, not permitted)
 * begins with a word of its own instead of ERR; Redis below 7 puts that word behind the line, after a dash.
 */
function isOurMistake({ message }: RedisUnavailable): boolean {
  return /: ERR (?!.*: -[A-Z]+ ).*user_script:\d/s.test(message)
}

export function openData({ redis, instance, newId }: DataOptions): Data {
  /** What is the server's weather, or others' doing, becomes {@link StoreUnavailable}; mistakes of ours pass unchanged. */
  function asFault(error: unknown): unknown {
    if (error instanceof RedisUnavailable) {
      if (isOurMistake(error)) return new Error(error.message, { cause: error })
      return new StoreUnavailable(
        `store unavailable: ${error.message}: see that the server of --redis runs, can be reached ` +
          'and takes writes; acefleet goes on by itself when it answers',
        { cause: error },
      )
    }
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      return new StoreUnavailable(
        `store unavailable: Redis ${redis.address} holds a record under ${keyPrefix(instance)} that cannot ` +
          'be read: it was written by another program or by a newer acefleet. Run that version again, or ' +
          'choose another --instance or database; engines keep running',
        { cause: error },
      )
    }
    return error
  }

  return {
    time() {
      try {
        // Whole ms: then what is converted there and back is exactly what it was.
        const skewMs = Math.round(redis.server().skewMs)
        return { toServer: (ms) => ms + skewMs, fromServer: (ms) => ms - skewMs }
      } catch (error) {
        throw asFault(error)
      }
    },
    async run({ script, keys, args: names }, fleet, args, rest = []) {
      try {
        const keyed = keys.map((name) => keyOf(instance, fleet, name))
        const named = [...names.map((name) => args[name]), ...rest].map(asText)
        // A new name each time: after one was taken, the next loss of memory needs another.
        const answer = await redis.run(script, keyed, [redis.server().runId, newId(), ...named])
        return answerSchema.parse(answer)
      } catch (error) {
        throw asFault(error)
      }
    },
    read(parse) {
      try {
        return parse()
      } catch (error) {
        throw asFault(error)
      }
    },
  }
}
