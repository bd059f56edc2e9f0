import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { EngineMode } from '../standins/engine/mode.ts'
import type { Traits } from '../standins/engine/traits.ts'
import type { Release } from '../standins/gluetun/release.ts'
import type { GluetunState, StateChange } from '../standins/gluetun/state.ts'
import { makeTar } from '../standins/image/tar.ts'
import { type Answer, ask } from './ask.ts'

/** The default network of Docker, on which a container has an address but no name service. */
const defaultNetwork = 'bridge'

/** The stand-in's own endpoint, open when the control server's port is not. */
const ownPort = 9998

/** Long enough for a start on a machine that is busy with 20 others. */
const startTimeoutMs = 30_000

export interface GluetunOptions {
  /** From `buildStandIns`. */
  readonly image: string
  readonly name: string
  /** Labels by which the owner finds and removes it again. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Forwarded port at start and after each restart; 0 or absent: none. */
  readonly port?: number | undefined
  /** Public address at start and after each restart. */
  readonly publicIp?: string | undefined
  /** The control server asks for this key. */
  readonly apiKey?: string | undefined
  /** Docker network; default `bridge`. */
  readonly network?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Which Gluetun it plays, at start and after each restart; default v3.41.3. */
  readonly release?: Release | undefined
  /** Set over all that at start and after each restart: a fault that is there from the beginning. */
  readonly state?: StateChange | undefined
  /** `/gluetun/auth/config.toml`. */
  readonly roleFile?: string | undefined
}

/** A Gluetun stand-in that runs. Its address is looked up at each call, for a restart may change it. */
export interface GluetunStandIn {
  readonly id: string
  readonly name: string
  /** Its IPv4 address on the network it was started on. Throws while it does not run. */
  address(): Promise<string>
  /** `http://<address>:8000`. */
  controlUrl(): Promise<string>
  state(): Promise<GluetunState>
  /** Sets what is given and leaves the rest. */
  set(change: StateChange): Promise<GluetunState>
  /** The forwarded port; 0 takes it away. */
  setPort(port: number): Promise<GluetunState>
  /** What its health server says; Docker follows 5 to 15 s later. */
  setHealthy(healthy: boolean): Promise<GluetunState>
  setStatus(status: GluetunState['status']): Promise<GluetunState>
  /** The VPN restarts from within: no container ends, the namespace stays, and the tunnel is away for a while. */
  reconnect(): Promise<GluetunState>
  /** A loop of Gluetun's own crashes, and with it the container ends, code 1. */
  crash(): Promise<void>
  /** `docker restart`: a new network namespace, the state of its start; waits until the tunnel is up again. */
  restart(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  /** SIGKILL, as a crash. */
  kill(): Promise<void>
  /** Removes it, running or not. Gone already is success. */
  remove(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface EngineOptions {
  /** From `buildStandIns`. */
  readonly image: string
  readonly name: string
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Replaces the image's (empty) command. */
  readonly args?: readonly string[] | undefined
  /** Docker network, or `container:<id>`; default `bridge`. */
  readonly network?: string | undefined
}

/** An engine stand-in's own control endpoint. */
export interface EngineStandIn {
  readonly address: string
  readonly port: number
  setMode(mode: EngineMode): Promise<void>
  /** Of all contents, or of the one that `id` or `infohash` names. */
  setTraits(
    traits: Partial<Traits> & { readonly id?: string; readonly infohash?: string },
  ): Promise<void>
  /** What `/standin/state` tells: mode, ports, sessions. */
  state(): Promise<EngineState>
  get(path: string, timeoutMs?: number): Promise<Answer>
}

export interface EngineState {
  readonly mode: EngineMode
  readonly version: string
  readonly ports: {
    readonly http: number
    readonly https: number | null
    readonly api: number
    readonly p2p: number
  }
  readonly sessions: readonly {
    readonly infohash: string
    readonly key: string
    readonly isRead: boolean
    readonly sentBytes: number
  }[]
  readonly counters: Readonly<Record<string, number>>
  /** Of all contents that have none of their own. */
  readonly traits: Traits
}

/** Where a Gluetun looks for it. */
export const roleFilePath = '/gluetun/auth/config.toml'

/** The environment by which a Gluetun stand-in is told its state at start. */
export function gluetunEnv(options: GluetunOptions): Record<string, string> {
  return {
    ...(options.port === undefined ? {} : { STANDIN_PORT: String(options.port) }),
    ...(options.publicIp === undefined ? {} : { STANDIN_PUBLIC_IP: options.publicIp }),
    ...(options.apiKey === undefined ? {} : { STANDIN_API_KEY: options.apiKey }),
    ...(options.release === undefined ? {} : { STANDIN_RELEASE: options.release }),
    ...(options.state === undefined ? {} : { STANDIN_STATE: JSON.stringify(options.state) }),
    ...options.env,
  }
}

/** Creates and starts a Gluetun stand-in and waits until its tunnel is up. A failed start leaves nothing behind. */
export async function startGluetun(
  docker: Docker,
  options: GluetunOptions,
): Promise<GluetunStandIn> {
  const env = gluetunEnv(options)
  const container = await docker.createContainer({
    name: options.name,
    Image: options.image,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...options.labels },
    HostConfig: { NetworkMode: options.network ?? defaultNetwork },
  })
  const gluetun = clientOf(docker, container.id, options.name)
  try {
    if (options.roleFile !== undefined) {
      const file = { path: roleFilePath.slice(1), mode: 0o644, content: options.roleFile }
      await container.putArchive(makeTar([file]), { path: '/' })
    }
    await gluetun.start()
    return gluetun
  } catch (error) {
    await gluetun.remove()
    throw error
  }
}

/** A stand-in that is already there, running or not; undefined when no container has the name. */
export async function findGluetun(
  docker: Docker,
  name: string,
): Promise<GluetunStandIn | undefined> {
  try {
    const { Id } = await docker.getContainer(name).inspect()
    return clientOf(docker, Id, name)
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/** Creates and starts an engine stand-in, and does not wait for it: it may be meant to fail. Returns its id. */
export async function startEngine(docker: Docker, options: EngineOptions): Promise<string> {
  const container = await docker.createContainer({
    name: options.name,
    Image: options.image,
    Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
    Labels: { ...options.labels },
    ...(options.args === undefined ? {} : { Cmd: [...options.args] }),
    HostConfig: { NetworkMode: options.network ?? defaultNetwork, Init: true },
  })
  await container.start()
  return container.id
}

/** An engine stand-in by container: its port from its label, its address from its own network or its VPN node's. */
export async function findEngine(
  docker: Docker,
  nameOrId: string,
  port?: number,
): Promise<EngineStandIn> {
  const { Config } = await docker.getContainer(nameOrId).inspect()
  const http = port ?? Number(Config.Labels['acestream.http_port'] ?? 6878)
  return engineAt(await addressOf(docker, nameOrId), http)
}

/** An engine stand-in by address. */
export function engineAt(address: string, port: number): EngineStandIn {
  const base = `http://${address}:${port}`
  return {
    address,
    port,
    setMode: async (mode) => {
      accepted(await ask(`${base}/standin/mode`, { method: 'POST', body: mode }))
    },
    setTraits: async (traits) => {
      accepted(await ask(`${base}/standin/traits`, { method: 'POST', body: traits }))
    },
    state: async () => JSON.parse(accepted(await ask(`${base}/standin/state`))) as EngineState,
    get: (path, timeoutMs) => ask(`${base}${path}`, { timeoutMs }),
  }
}

/** Removes every container that carries all of these labels, running or not. Tells how many. */
export async function removeLabelled(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  if (label.length === 0) throw new Error('without a label this would remove every container')
  const found = await docker.listContainers({ all: true, filters: { label } })
  await Promise.all(found.map(({ Id }) => removeContainer(docker, Id)))
  return found.length
}

function clientOf(docker: Docker, id: string, name: string): GluetunStandIn {
  const container = docker.getContainer(id)
  const controlUrl = async () => `http://${await addressOf(docker, id)}:8000`
  const own = async (path: string, body?: unknown) => {
    const url = `http://${await addressOf(docker, id)}:${ownPort}/standin/${path}`
    const method = body === undefined ? 'GET' : 'POST'
    return JSON.parse(accepted(await ask(url, { method, body }))) as GluetunState
  }
  const state = () => own('state')
  const set = (change: StateChange) => own('state', change)
  const up = () => waitUntilUp(name, state)
  return {
    id,
    name,
    address: () => addressOf(docker, id),
    controlUrl,
    state,
    set,
    setPort: (port) => set({ port }),
    setHealthy: (healthy) => set({ healthy }),
    setStatus: (status) => set({ status }),
    reconnect: () => own('event', { event: 'reconnect' }),
    crash: async () => {
      await own('event', { event: 'crash' })
      await container.wait()
    },
    restart: async () => {
      await container.restart({ t: 2 })
      await up()
    },
    stop: () => quietly(container.stop({ t: 2 }), 304),
    start: async () => {
      await quietly(container.start(), 304)
      await up()
    },
    kill: async () => {
      await container.kill()
      // The signal is sent, not yet obeyed: a start in between would find it running and do nothing.
      await container.wait()
    },
    remove: () => removeContainer(docker, id),
    [Symbol.asyncDispose]: () => removeContainer(docker, id),
  }
}

async function waitUntilUp(name: string, state: () => Promise<GluetunState>): Promise<void> {
  const end = performance.now() + startTimeoutMs
  for (;;) {
    const last = await state().catch((error: unknown) => error)
    if (!(last instanceof Error) && (last as GluetunState).status !== 'starting') return
    if (performance.now() > end) throw new Error(`${name} did not come up`, { cause: last })
    await sleep(20)
  }
}

/** A container's IPv4 address; for one in another's network namespace, that one's. */
async function addressOf(docker: Docker, nameOrId: string): Promise<string> {
  const { HostConfig, NetworkSettings } = await docker.getContainer(nameOrId).inspect()
  const mode = HostConfig.NetworkMode ?? defaultNetwork
  if (mode.startsWith('container:')) return addressOf(docker, mode.slice('container:'.length))
  const address = Object.values(NetworkSettings.Networks).find((n) => n.IPAddress)?.IPAddress
  if (address === undefined) throw new Error(`${nameOrId} has no address: it does not run`)
  return address
}

async function removeContainer(docker: Docker, id: string): Promise<void> {
  await quietly(docker.getContainer(id).remove({ force: true, v: true }), 404, 409)
}

/** Awaits a call for which some statuses mean that it is done already (409: a removal is under way). */
async function quietly(call: Promise<unknown>, ...done: readonly number[]): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!done.includes(statusOf(error) ?? 0)) throw error
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode
}

function accepted(answer: Answer): string {
  if (answer.status === 200) return answer.body
  throw new Error(`the stand-in answered ${answer.status}: ${answer.body.trim()}`)
}
