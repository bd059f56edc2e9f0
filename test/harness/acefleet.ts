import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { stringify } from 'yaml'
import type { EngineView, EventView, FleetView, VpnView } from '../../src/api/view.ts'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import type { Store } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { buildStandIns, type StandInImages } from '../standins/build.ts'
import { type AcefleetProcess, launchAcefleet } from './acefleet-process.ts'
import { launchGluetun } from './launch.ts'
import { type GluetunOptions, type GluetunStandIn, removeLabelled } from './standins.ts'

/** The `spec` of an EngineFleet document, as a user would write it. */
export type SpecBody = Readonly<Record<string, unknown>>

/** Long enough on a machine that runs three other things; what is measured belongs into a benchmark. */
const PATIENCE_MS = 90_000

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A command that becomes acefleet at its end, as `setpriv …` does. */
  readonly prefix?: readonly string[]
}

export interface ReplicaOptions extends StartOptions {
  /** URL of the data server. */
  readonly redis: string
  /** Where its specs are; the rig's folder by default. */
  readonly specDir?: string
  /** Further flags: `--lease-redis` … */
  readonly flags?: readonly string[]
}

/** One acefleet process with a data directory, a spec file and VPN nodes of its own. */
export interface Rig extends AsyncDisposable {
  readonly docker: Docker
  readonly images: StandInImages
  readonly instance: string
  readonly fleet: string
  /** Where the specs are. */
  readonly specDir: string
  readonly dataDir: string
  readonly nodes: Readonly<Record<string, GluetunStandIn>>
  /** Node names by their letter: `a` is `<fleet>-a`. */
  nodeName(letter: string): string
  /** Starts the process; waits until it listens. */
  start(options?: StartOptions): Promise<void>
  /** Ends the process and waits. */
  end(signal?: NodeJS.Signals): Promise<number | null>
  signal(signal: NodeJS.Signals): void
  /** Resolves with the exit code when the process ends by itself. */
  ended(): Promise<number | null>
  pid(): number
  /** The base of the process's URL. */
  url(): string
  /**
   * Starts a process on a Redis beside others, which logs to a file of its own; waits until it listens. What the rig
   * itself reads and posts goes to its own process, or else to the first replica that runs.
   */
  replica(name: string, options: ReplicaOptions): Promise<AcefleetProcess>
  /** All replicas that were ever started. */
  readonly replicas: readonly AcefleetProcess[]
  /** Writes the spec as an editor does, a new file in the old one's place, and waits until the fleet is planned by it. */
  edit(spec: SpecBody): Promise<void>
  addNode(letter: string, options?: Partial<GluetunOptions>): Promise<GluetunStandIn>
  get<T>(path: string): Promise<T>
  post(path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  fleetView(): Promise<FleetView>
  engines(): Promise<readonly EngineView[]>
  vpns(): Promise<readonly VpnView[]>
  events(): Promise<readonly EventView[]>
  /** Waits until the fleet says that it is what the spec says, and that many engines run. */
  converged(replicas: number): Promise<readonly EngineView[]>
  /** Repeats until the check passes; fails with the check's own last error. */
  until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T>
  /** A second connection to the embedded store, for reservations. */
  openStore(): Promise<Store>
  log(): Promise<string>
}

let rigs = 0

export async function makeRig(): Promise<Rig> {
  const docker = new Docker()
  const images = await buildStandIns({ docker })
  rigs += 1
  const fleet = `t${process.pid}x${rigs}`
  const instance = `test-${fleet}`
  const labels = { 'acefleet.test': instance }
  const dir = await mkdtemp(join(tmpdir(), 'acefleet-'))
  const [specDir, dataDir, logFile] = [join(dir, 'specs'), join(dir, 'data'), join(dir, 'log')]
  await mkdir(specDir)
  const nodes: Record<string, GluetunStandIn> = {}
  const replicas: AcefleetProcess[] = []
  const replicaLogs = new Set<string>()
  let own: AcefleetProcess | undefined

  async function log(): Promise<string> {
    const files = [logFile, ...replicaLogs]
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
    return texts.join('')
  }

  /** Who is asked. */
  function server(): AcefleetProcess {
    const running = own ?? replicas.find((each) => each.isRunning())
    if (running === undefined) throw new Error('no acefleet runs')
    return running
  }

  async function until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS
    let last: unknown = 'it was never so'
    while (Date.now() < deadline) {
      try {
        const result = await check()
        if (result !== undefined && result !== false) return result
      } catch (error) {
        last = error
      }
      await sleep(100)
    }
    const tail = (await log())
      .split('\n')
      .filter((line) => !line.includes('"msg":"request"'))
      .slice(-60)
      .join('\n')
    throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s: ${last}\n${tail}`)
  }

  const get = async <T>(path: string) => await server().get<T>(path)
  const list = async <T>(path: string) => (await get<{ items: readonly T[] }>(path)).items
  const engines = () => list<EngineView>(`/v1/engines?fleet=${fleet}`)
  const fleetView = () => get<FleetView>(`/v1/fleets/${fleet}`)

  const rig: Rig = {
    docker,
    images,
    instance,
    fleet,
    specDir,
    dataDir,
    nodes,
    nodeName: (letter) => `${fleet}-${letter}`,
    async start(options = {}) {
      const flags = ['--spec', specDir, '--data', dataDir, '--instance', instance]
      own = await launchAcefleet({ flags, logFile, ...options })
    },
    async end(signal = 'SIGTERM') {
      return (await own?.end(signal)) ?? null
    },
    ended: async () => (await own?.ended()) ?? null,
    pid: () => own?.pid ?? -1,
    url: () => own?.url ?? '',
    signal: (signal) => own?.signal(signal),
    replicas,
    async replica(name, { redis, specDir: specs = specDir, flags = [], ...options }) {
      const file = join(dir, `${name}.log`)
      replicaLogs.add(file)
      const base = ['--spec', specs, '--redis', redis, '--instance', instance]
      const started = await launchAcefleet({
        ...options,
        flags: [...base, ...flags],
        logFile: file,
      })
      replicas.push(started)
      return started
    },
    async edit(spec) {
      const document = {
        apiVersion: 'acefleet/v1',
        kind: 'EngineFleet',
        metadata: { name: fleet },
        spec,
      }
      const file = join(specDir, 'fleet.yaml')
      const isRunning = [own, ...replicas].some((each) => each?.isRunning())
      const before = isRunning ? (await fleetView().catch(() => undefined))?.generation : undefined
      await writeFile(`${file}.new`, stringify(document))
      await rename(`${file}.new`, file)
      if (!isRunning) return
      await until('the edit rules', async () => (await fleetView()).generation !== before)
    },
    async addNode(letter, options = {}) {
      const name = `${fleet}-${letter}`
      const node = await launchGluetun(docker, {
        image: images.gluetun,
        name,
        labels,
        port: 40_000 + letter.charCodeAt(0),
        publicIp: `198.51.100.${letter.charCodeAt(0)}`,
        ...options,
      })
      nodes[letter] = node
      return node
    },
    get,
    post: (path, body) => server().post(path, body),
    fleetView,
    engines,
    vpns: () => list(`/v1/vpns?fleet=${fleet}`),
    events: () => list(`/v1/events?fleet=${fleet}&limit=1000`),
    converged: (replicas) =>
      until(`${fleet} converges to ${replicas} engines`, async () => {
        const view = await fleetView()
        const listed = await engines()
        const conditions = view.conditions
          .map((c) => `${c.type}=${c.status} ${c.message}`)
          .join('; ')
        const isReady = view.conditions.some((c) => c.type === 'Ready' && c.status === 'True')
        const isBusy = view.conditions.some((c) => c.type === 'Reconciling')
        const isSo = isReady && !isBusy && view.replicas === replicas && listed.length === replicas
        if (!isSo || !listed.every((e) => e.updated))
          throw new Error(`${listed.length} engines; ${conditions}`)
        return listed
      }),
    until,
    openStore: () => openEmbeddedStore({ dir: dataDir, clock: systemClock, newId: () => 'test' }),
    log,
    async [Symbol.asyncDispose]() {
      await Promise.all([own, ...replicas].map((each) => each?.end('SIGKILL')))
      await removeLabelled(docker, { 'acefleet.instance': instance })
      await removeLabelled(docker, labels)
      await rm(dir, { recursive: true, force: true })
    },
  }
  return rig
}

/** A fleet behind VPN nodes of the rig, quick enough for tests. */
export function tunnelled(
  rig: Rig,
  more: SpecBody = {},
  letters: readonly string[] = ['a', 'b'],
): SpecBody {
  const nodes = letters.map((letter, i) => ({
    name: rig.nodeName(letter),
    ports: `${19_000 + i * 500}-${19_499 + i * 500}`,
  }))
  return {
    replicas: 4,
    engine: engineSettings(rig),
    vpn: { mode: letters.length > 1 ? 'redundant' : 'single', downGrace: '3s', nodes },
    ...more,
  }
}

/** The stand-in engine, looked at often. */
export function engineSettings(rig: Rig, more: SpecBody = {}): SpecBody {
  return {
    variant: 'krinkuto11-amd64',
    image: rig.images.engine,
    pullPolicy: 'Never',
    health: { interval: '1s', timeout: '500ms', failures: 3 },
    startTimeout: '20s',
    ...more,
  }
}
