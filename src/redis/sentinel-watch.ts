import { Redis } from 'ioredis'
import type { Credentials } from './credentials.ts'
import type { Endpoint } from './url.ts'

export interface SentinelWatchOptions extends Pick<Credentials, 'sentinelPassword' | 'tls'> {
  readonly sentinels: readonly Endpoint[]
  readonly master: string
  readonly connectTimeoutMs: number
  /** Called when one of them says that another server is master now. */
  readonly onSwitch: () => void
}

/** Their announcement: `<name> <old host> <old port> <new host> <new port>`. */
const CHANNEL = '+switch-master'
/** A sentinel that is away is tried again ever more rarely, ms: the others announce as well. */
const RETRY_MS = 500
const MAX_RETRY_MS = 10_000

/**
 * Listens to the sentinels until disposed. A master that lives on when another one is made goes on taking writes for some
 * ten seconds, and all of them are lost; whoever hears of it leaves at once. An announcement that is missed costs no more
 * than that. ioredis has a detector of its own, which writes to the console whenever a sentinel is away.
 */
export function watchSentinels(options: SentinelWatchOptions): Disposable {
  const { sentinels, master, sentinelPassword, tls, connectTimeoutMs, onSwitch } = options
  const clients = sentinels.map((at) => {
    const client = new Redis({
      host: at.host,
      port: at.port,
      ...(tls === undefined ? {} : { tls }),
      ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
      retryStrategy: (times) => Math.min(RETRY_MS * 2 ** times, MAX_RETRY_MS),
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      protocol: 2,
      connectTimeout: connectTimeoutMs,
    })
    // Whether a sentinel is there is found out, and told, by whoever asks for the master.
    client.on('error', () => {})
    client.on('ready', () => {
      client.subscribe(CHANNEL).catch(() => {})
    })
    client.on('message', (_, text: string) => {
      if (text.split(' ')[0] === master) onSwitch()
    })
    return client
  })
  return {
    [Symbol.dispose]: () => {
      for (const client of clients) client.disconnect()
    },
  }
}
