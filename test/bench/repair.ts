import type { BenchRun, Figures } from './bench.ts'
import { type BenchRig, startBenchRig } from './bench-rig.ts'
import { listenToDaemon } from './daemon-events.ts'
import { percentile, round } from './figures.ts'

const ENGINES = 20
/** Fleets that are made, and of which each engine is killed once: a slot's second failure would have to back off. */
const ROUNDS = 5
/** A replacement that takes longer is a failure of another kind, ms. */
const PATIENCE_MS = 30_000

interface Repair {
  readonly isForwarded: boolean
  /** From the daemon's `die` to the arrival of the next create call at the socket. */
  readonly ms: number
}

async function within<T>(what: string, wanted: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what}: not in time`)), PATIENCE_MS)
  return await Promise.race([wanted, late.promise]).finally(() => clearTimeout(timer))
}

/** Kills an engine of a fleet at rest and measures how soon another is asked for. */
async function killOne({ rig, meter }: BenchRig, id: string): Promise<number> {
  const died = Promise.withResolvers<number>()
  const created = Promise.withResolvers<number>()
  using _ = await listenToDaemon(rig.docker, (event) => {
    if (event.action === 'die' && event.id === id) died.resolve(event.at)
  })
  meter.onCall = ({ line, at }) => {
    if (line.startsWith('POST /containers/create')) created.resolve(at)
  }
  await rig.docker.getContainer(id).kill()
  const diedAt = await within(`${id} dies`, died.promise)
  return (await within(`${id} is replaced`, created.promise)) - diedAt
}

/** Makes a fleet, kills each of its engines once, one after the other, and takes it down. */
async function killEach(run: BenchRun): Promise<readonly Repair[]> {
  await using bench = await startBenchRig(run)
  const { rig } = bench
  await rig.edit(bench.spec(ENGINES))
  const repairs: Repair[] = []
  for (const { containerId, forwarded } of await rig.converged(ENGINES)) {
    run.signal.throwIfAborted()
    repairs.push({ isForwarded: forwarded, ms: await killOne(bench, containerId ?? '') })
    await rig.converged(ENGINES)
  }
  return repairs
}

/** `npm run bench -- repair`: from an engine's death to the create of its replacement. */
export async function repair(run: BenchRun): Promise<Figures> {
  const all: Repair[] = []
  for (let number = 1; number <= ROUNDS; number++) {
    const repairs = await killEach(run)
    all.push(...repairs)
    const text = repairs.map(({ ms, isForwarded }) => `${round(ms, 0)}${isForwarded ? '*' : ''}`)
    run.say(`round ${number}: ${text.join(' ')} ms (* forwarded)`)
  }
  const times = (which: (repair: Repair) => boolean) => all.filter(which).map(({ ms }) => ms)
  const ordinary = times(({ isForwarded }) => !isForwarded)
  return {
    p50_ms: round(percentile(ordinary, 50), 1),
    p99_ms: round(percentile(ordinary, 99), 1),
    kills: ordinary.length,
    forwarded_max_ms: round(Math.max(...times(({ isForwarded }) => isForwarded)), 1),
  }
}
