import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ContainerId } from '../../src/docker/port.ts'
import { makeStartPlayback } from '../../src/engine/playback.ts'
import { makeGateway } from '../../src/gateway/gateway.ts'
import { DEFAULT_GATEWAY } from '../../src/gateway/settings.ts'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { RESERVATION_TTL_MS } from '../../src/store/store.ts'
import { makeLogger } from '../../src/telemetry/log.ts'
import { systemClock as clock } from '../../src/time/clock.ts'
import { endpoint, FLEET, fleetStatus } from '../conformance/store/sample.ts'

/** A gateway alone in its process, before the engine at the port that its parent names; answers with its own. */
async function serve(enginePort: number): Promise<number> {
  // Born long ago by all clocks, so that it need not wait for sessions that it may have forgotten.
  let backMs = 2 * RESERVATION_TTL_MS
  const aged = { now: () => clock.now() - backMs, monotonic: () => clock.monotonic() - backMs }
  const store = await openEmbeddedStore({ dir: ':memory:', clock: aged, newId: randomUUID })
  backMs = 0
  const epoch = await store.openTerm(FLEET, 'bench', 0, clock.now())
  const engine = { containerId: '0'.repeat(64) as ContainerId, host: '127.0.0.1', port: enginePort }
  const endpoints = [endpoint(epoch, { ...engine, vpn: undefined, maxStreams: 1_000 })]
  await store.publish(FLEET, epoch, fleetStatus(epoch), endpoints)
  const to = process.stderr
  const gateway = makeGateway({
    ...{ store, clock, holder: 'bench', relay: () => '', relayKey: () => store.relayKey('key') },
    log: makeLogger({ level: 'error', pretty: false, colour: false, clock, to }),
    settings: { ...DEFAULT_GATEWAY, graceMs: 100 },
    startPlayback: makeStartPlayback(openNodeHttp(clock).get, clock),
    fleets: async () => [FLEET],
    news: {
      onClaim: () => {},
      onStartFailed: () => {},
      onSession: () => {},
      onViewer: () => {},
    },
  })
  void gateway.follow(new AbortController().signal)
  const server = createServer((req, res) => void gateway.handle(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

process.once('message', (enginePort: number) => {
  void serve(enginePort).then((port) => process.send?.(port))
})
process.once('disconnect', () => process.exit())
