import { randomUUID } from 'node:crypto'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ContainerId } from '../../src/docker/port.ts'
import { makeStartPlayback } from '../../src/engine/playback.ts'
import { type Gateway, makeGateway } from '../../src/gateway/gateway.ts'
import type { ViewerNews } from '../../src/gateway/news.ts'
import type { SessionNews } from '../../src/gateway/session-news.ts'
import { DEFAULT_GATEWAY, type GatewaySettings } from '../../src/gateway/settings.ts'
import type { Epoch } from '../../src/lease/lease.ts'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import { type Endpoint, RESERVATION_TTL_MS, type Store } from '../../src/store/store.ts'
import { makeLogger } from '../../src/telemetry/log.ts'
import { systemClock } from '../../src/time/clock.ts'
import { fleetStatus } from '../conformance/store/sample.ts'
import { engineInProcess, type InProcessEngine } from '../harness/engine-in-process.ts'
import type { Traits } from '../standins/engine/traits.ts'

const FLEET = 'home'

/** 40 hex digits for a content, from a word. */
export function hashOf(word: string): string {
  return Buffer.from(word).toString('hex').padEnd(40, '0').slice(0, 40)
}

/** A gateway of this process, as it is on the network. Disposing it stops it as an orderly end of its process would. */
export interface RunningGateway extends AsyncDisposable {
  readonly gateway: Gateway
  /** The base of its URL. */
  readonly url: string
  readonly news: (SessionNews & { readonly content: string })[]
  readonly viewers: ViewerNews[]
  /** Tells it to stop, as a signal to its process does; resolves when its viewers have left or been ended. */
  stop(): Promise<void>
  /** Cuts it off from the store alone, or lets it through again. */
  setStore(isAway: boolean): void
  /** Nothing gets through to it any more, nor back, as if its machine had been unplugged; it does not know. */
  vanish(): void
}

/** A gateway that listens, before engine stand-ins in this process. */
export interface GatewayRig extends Omit<RunningGateway, 'vanish'> {
  readonly store: Store
  readonly engines: readonly InProcessEngine[]
  /** Starts another gateway on the same store. */
  start(holder: string): Promise<RunningGateway>
  /** What the leader says of the engines; `changes` by their number. */
  publish(changes?: Readonly<Record<number, Partial<Endpoint>>>): Promise<void>
  /** Container ids are made up from the number. */
  idOf(engine: number): ContainerId
  /** Sessions at the store by engine. */
  sessionsOn(engine: number): Promise<number>
}

export interface GatewayRigOptions {
  readonly engines?: number
  readonly maxStreams?: number
  readonly traits?: Partial<Traits>
  readonly settings?: Partial<GatewaySettings>
}

async function startGateway(
  holder: string,
  store: Store,
  settings: GatewaySettings,
): Promise<RunningGateway> {
  await using resources = new AsyncDisposableStack()
  const clock = systemClock
  const to = process.stderr
  const log = makeLogger({ level: 'error', pretty: false, colour: false, clock, to })
  const news: (SessionNews & { readonly content: string })[] = []
  const viewers: ViewerNews[] = []
  const http = resources.use(openNodeHttp(clock))
  let url = ''
  const away = { isAway: false }
  const reached = forgetful(store, away)
  const gateway = makeGateway({
    ...{ store: reached, clock, log, holder, settings },
    relay: () => url,
    relayKey: () => reached.relayKey('key'),
    startPlayback: makeStartPlayback(http.get, clock),
    fleets: async () => (await reached.statuses()).map(({ fleet }) => fleet),
    news: {
      onClaim: () => {},
      onStartFailed: () => {},
      onSession: (content, each) => void news.push({ content, ...each }),
      onViewer: (each) => void viewers.push(each),
    },
  })
  const server = createServer((req, res) => {
    if (!gateway.handle(req, res)) res.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const disconnect = () => {
    server.closeAllConnections()
    server.close()
  }
  resources.defer(disconnect)
  resources.use(gateway)
  const over = new AbortController()
  const followed = gateway.follow(over.signal)
  resources.defer(() => over.abort())
  const owned = resources.move()
  return {
    ...{ gateway, url, news, viewers },
    async stop() {
      over.abort()
      await followed
    },
    setStore(isAway) {
      away.isAway = isAway
    },
    vanish() {
      away.isAway = true
      disconnect()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The store as a process sees it that may be cut off. */
function forgetful(store: Store, away: { readonly isAway: boolean }): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      const found: unknown = Reflect.get(target, name, receiver)
      if (typeof found !== 'function') return found
      return (...args: unknown[]) =>
        away.isAway
          ? Promise.reject(new StoreUnavailable('cut off'))
          : Reflect.apply(found, target, args)
    },
  })
}

/** Makes one. Its store is old enough to know all sessions. */
export async function makeGatewayRig(options: GatewayRigOptions = {}): Promise<GatewayRig> {
  const { engines: count = 2, maxStreams = 2, traits = {}, settings = {} } = options
  await using resources = new AsyncDisposableStack()
  const clock = systemClock
  // It is born long ago by all clocks: they run on from there.
  let backMs = 2 * RESERVATION_TTL_MS
  const aged = { now: () => clock.now() - backMs, monotonic: () => clock.monotonic() - backMs }
  const store = resources.use(
    await openEmbeddedStore({ dir: ':memory:', clock: aged, newId: randomUUID }),
  )
  backMs = 0
  const engines: InProcessEngine[] = []
  for (let n = 0; n < count; n++) engines.push(resources.use(await engineInProcess(traits)))
  const epoch: Epoch = await store.openTerm(FLEET, 'test', 0, clock.now())
  const idOf = (engine: number) => engine.toString(16).padStart(64, '0') as ContainerId
  const publish: GatewayRig['publish'] = (changes = {}) =>
    store.publish(
      FLEET,
      epoch,
      fleetStatus(epoch),
      engines.map((engine, n) => ({
        ...{ containerId: idOf(n), slot: String(n), host: '127.0.0.1' },
        ...{ port: Number(new URL(engine.url).port), ready: true, forwarded: false },
        ...{ vpn: undefined, maxStreams, leaving: false, epoch, ...changes[n] },
      })),
    )
  await publish()
  const start = (holder: string) => startGateway(holder, store, { ...DEFAULT_GATEWAY, ...settings })
  const first = resources.use(await start('gateway-1'))
  const owned = resources.move()
  return {
    ...{ gateway: first.gateway, url: first.url, news: first.news, viewers: first.viewers },
    stop: first.stop,
    setStore: first.setStore,
    ...{ store, engines, publish, idOf, start: (holder) => startOn(owned, start(holder)) },
    async sessionsOn(engine) {
      const all = await store.sessions(FLEET, clock.now())
      return all.filter(({ containerId }) => containerId === idOf(engine)).length
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A gateway of another replica lives as long as the rig, if nothing ends it before. */
async function startOn(owner: AsyncDisposableStack, starting: Promise<RunningGateway>) {
  return owner.use(await starting)
}

/** A GET whose body is left to the caller; no redirect is followed. */
export function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject)
  })
}

/** A whole answer, as text. */
export async function fetchText(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, { redirect: 'manual', ...init })
  return { status: answer.status, headers: answer.headers, body: await answer.text() }
}

/** Waits until it is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
