import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeChannels } from './channels.ts'
import { createHttpServer } from './http-server.ts'
import { listenTcp } from './listen.ts'
import { makeNetwork } from './network.ts'
import { makeSessions } from './sessions.ts'
import type { EngineSettings } from './settings.ts'
import { makeTraits } from './traits.ts'

export interface StandInOptions {
  /** The process is to end. */
  readonly exit: (code: number, afterMs: number) => void
  readonly log: (line: string) => void
  /** Counters that other listeners keep. */
  readonly counters?: Readonly<Record<string, number>>
}

/** The engine as it answers on its HTTP port. */
export interface EngineInProcess extends AsyncDisposable {
  readonly port: number
}

/**
 * Unix time that no correction of the wall clock moves: what is live must not go back. Engines of one machine agree on it
 * as long as nobody sets the clock between their starts.
 */
const steadyNow = () => performance.timeOrigin + performance.now()

/** Opens the HTTP port; port 0 is one of the machine's choice. */
export async function startStandIn(
  settings: EngineSettings,
  { exit, log, counters = {} }: StandInOptions,
): Promise<EngineInProcess> {
  const traits = makeTraits(settings.traits)
  const sessions = makeSessions(traits, steadyNow)
  const server = createHttpServer({
    settings,
    sessions,
    traits,
    channels: makeChannels(),
    network: makeNetwork(),
    counters,
    started: settings.slowStartMs > 0 ? sleep(settings.slowStartMs) : Promise.resolve(),
    exit,
    log,
    now: steadyNow,
  })
  const host = settings.isBoundToAll ? '0.0.0.0' : '127.0.0.1'
  await listenTcp(server, 'HTTP', settings.ports.http, host)
  const { port } = server.address() as AddressInfo
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      sessions.forget()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
