import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { FleetView } from '../../src/api/view.ts'
import { loadSpecs } from '../../src/spec/load.ts'
import { rssMib } from './process-usage.ts'
import { serveDaemon, settledContainers } from './simulated-daemon.ts'
import { serveEngines } from './simulated-engines.ts'

const INSTANCE = 'bench'
/** The process may take this long to start and to find everything as it should be, ms. */
const START_MS = 60_000
/** A pass this often, a hundred times as often as an idle fleet has one, so that garbage shows soon, ms. */
const PASS_EVERY_MS = 250

function specOf(engines: number): string {
  const node = (letter: string, number: number) => ({
    name: `bench-${letter}`,
    // Of this machine alone, and nobody else's: all of 127/8 is.
    address: `127.0.0.${2 + number}`,
    ports: `${19_000 + 1_000 * number}-${19_999 + 1_000 * number}`,
  })
  return stringify({
    apiVersion: 'acefleet/v1',
    kind: 'EngineFleet',
    metadata: { name: 'bench' },
    spec: {
      replicas: engines,
      engine: { variant: 'krinkuto11-amd64' },
      vpn: { mode: 'redundant', nodes: [node('a', 0), node('b', 1)] },
    },
  })
}

function startAcefleet(dir: string): ChildProcess {
  const log = openSync(join(dir, 'log'), 'a')
  const flags = ['--spec', join(dir, 'specs'), '--data', join(dir, 'data')]
  const more = ['--instance', INSTANCE, '--docker', `unix://${dir}/docker.sock`]
  const child = spawn(
    process.execPath,
    ['src/main.ts', 'run', ...flags, ...more, '--listen', '127.0.0.1:0'],
    { stdio: ['ignore', log, log] },
  )
  closeSync(log)
  return child
}

async function settled(dir: string, child: ChildProcess, signal: AbortSignal): Promise<void> {
  const end = performance.now() + START_MS
  let why = 'it does not listen'
  while (performance.now() < end) {
    signal.throwIfAborted()
    if (child.exitCode !== null) break
    const url = /"url":"([^"]+)"/.exec(await readFile(join(dir, 'log'), 'utf8'))?.[1]
    const view = url === undefined ? undefined : await readFleet(url)
    const bad = view?.conditions.filter((c) => c.type !== 'Ready' || c.status !== 'True')
    if (view?.ready !== null && view?.ready === view?.replicas && bad?.length === 0) return
    if (bad !== undefined) why = bad.map((c) => `${c.type}: ${c.message}`).join('; ')
    await sleep(200)
  }
  throw new Error(`acefleet does not settle: ${why}\n${await readFile(join(dir, 'log'), 'utf8')}`)
}

async function readFleet(url: string): Promise<FleetView | undefined> {
  const answer = await fetch(`${url}/v1/fleets/bench`).catch(() => undefined)
  return answer?.ok ? ((await answer.json()) as FleetView) : undefined
}

/**
 * The most memory, MiB, that a real `acefleet run` has in RAM while it looks after so many engines. The engines, their
 * VPN nodes and the Docker daemon are simulated, over real sockets; all of the process is the real one.
 */
export async function measureMemory(
  engines: number,
  { forMs, signal }: { readonly forMs: number; readonly signal: AbortSignal },
): Promise<{ readonly mostMib: number; readonly lastMib: number; readonly passes: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'acefleet-bench-'))
  await using cleanUp = new AsyncDisposableStack()
  cleanUp.defer(() => rm(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'specs'))
  await writeFile(join(dir, 'specs', 'bench.yaml'), specOf(engines))
  const { fleets, problems } = await loadSpecs([join(dir, 'specs')])
  const fleet = fleets[0]?.fleet
  if (fleet === undefined)
    throw new Error(`the benchmark's spec is refused: ${problems[0]?.message}`)

  const containers = settledContainers(fleet, INSTANCE)
  const daemon = cleanUp.use(await serveDaemon(join(dir, 'docker.sock'), containers))
  cleanUp.use(await serveEngines(fleet, containers))
  const child = startAcefleet(dir)
  cleanUp.defer(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit')
  })
  await settled(dir, child, signal)

  const samples: number[] = []
  const [woken] = containers.slice(-1)
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    if (woken !== undefined) daemon.repeatStart(woken)
    await sleep(PASS_EVERY_MS, undefined, { signal })
    samples.push(rssMib(child.pid ?? 0))
  }
  if (daemon.refused.length > 0) throw new Error(`acefleet wanted to ${daemon.refused[0]}`)
  const lastMib = samples.at(-1) ?? Number.NaN
  return { mostMib: Math.max(...samples), lastMib, passes: samples.length }
}
