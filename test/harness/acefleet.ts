import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
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
  let process_: ChildProcess | undefined
  let url = ''

  async function log(): Promise<string> {
    return await readFile(logFile, 'utf8').catch(() => '')
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

  async function get<T>(path: string): Promise<T> {
    const answer = await fetch(`${url}${path}`)
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

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
    async start({ env = {}, prefix = [] } = {}) {
      const before = (await log()).length
      const fd = openSync(logFile, 'a')
      const flags = ['run', '--spec', specDir, '--data', dataDir, '--instance', instance]
      const [command = '', ...args] = [
        ...[...prefix, process.execPath, '--disable-warning=ExperimentalWarning', 'src/main.ts'],
        ...[...flags, '--listen', '127.0.0.1:0'],
      ]
      process_ = spawn(command, args, {
        stdio: ['ignore', fd, fd],
        env: { ...process.env, ACEFLEET_LOG_LEVEL: 'debug', ...env },
      })
      closeSync(fd)
      url = await until('acefleet listens', async () => {
        if (process_?.exitCode !== null) throw new Error(`it exited with ${process_?.exitCode}`)
        return /"url":"([^"]+)"/.exec((await log()).slice(before))?.[1]
      })
    },
    async end(signal = 'SIGTERM') {
      process_?.kill(signal)
      return await rig.ended()
    },
    async ended() {
      const ending = process_
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null)
        return ending?.exitCode ?? null
      return await new Promise<number | null>((resolve) => ending.once('exit', resolve))
    },
    pid: () => process_?.pid ?? -1,
    signal: (signal) => void process_?.kill(signal),
    async edit(spec) {
      const document = {
        apiVersion: 'acefleet/v1',
        kind: 'EngineFleet',
        metadata: { name: fleet },
        spec,
      }
      const file = join(specDir, 'fleet.yaml')
      const isRunning = process_ !== undefined && process_.exitCode === null
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
    async post(path, body = {}) {
      const answer = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
    },
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
      await rig.end('SIGKILL')
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
