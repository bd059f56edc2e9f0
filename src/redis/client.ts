import { Redis, type RedisOptions } from 'ioredis'
import type { Credentials } from './credentials.ts'
import type { RedisAddress } from './url.ts'

export interface ClientLimits {
  /** For TCP and TLS to stand, and for each answer while a connection begins, ms. */
  readonly connectTimeoutMs: number
  /** A connection on which an answer is due and nothing at all comes for so long is broken, ms. */
  readonly silenceMs: number
}

/** How long a closed connection waits for the other side's goodbye before it is torn down, ms. */
const GOODBYE_MS = 50
/** When TCP itself asks whether an idle peer is still there, ms. */
const KEEP_ALIVE_MS = 10_000

/**
 * Makes a client that is one connection and no more: when that ends, every command still unanswered is rejected, and
 * nothing is kept for later. ioredis's own reconnecting would either send such commands again (one INCR whose reply was
 * lost ran twice) or leave them pending for ever, depending on `autoResendUnfulfilledCommands`. `attempt` decides which
 * sentinel is asked first, since one alone may be cut off from the others.
 */
export function makeClient(
  address: RedisAddress,
  { sentinelPassword, tls }: Pick<Credentials, 'sentinelPassword' | 'tls'>,
  limits: ClientLimits,
  attempt: number,
): Redis {
  const options: RedisOptions = {
    ...targetOptions(address, attempt),
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // Who we are, and whether the server will do, is asked by the link, in one round trip.
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
    connectTimeout: limits.connectTimeoutMs,
    socketTimeout: limits.silenceMs,
    disconnectTimeout: GOODBYE_MS,
    keepAlive: KEEP_ALIVE_MS,
  }
  return new Redis({ ...options, ...sentinelLimits(limits) })
}

function targetOptions({ target }: RedisAddress, attempt: number): RedisOptions {
  if (target.kind === 'server') return { host: target.at.host, port: target.at.port }
  const first = attempt % target.sentinels.length
  const sentinels = [...target.sentinels.slice(first), ...target.sentinels.slice(0, first)]
  return { sentinels, name: target.master }
}

function sentinelLimits({ connectTimeoutMs }: ClientLimits): RedisOptions {
  return {
    sentinelCommandTimeout: connectTimeoutMs,
    // All of them have been asked once: the next round is ours to begin.
    sentinelRetryStrategy: () => null,
    updateSentinels: false,
  }
}
