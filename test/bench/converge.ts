import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { BenchRun, Figures } from './bench.ts'
import { type BenchRig, nodesUp, startBenchRig } from './bench-rig.ts'
import { listenToDaemon } from './daemon-events.ts'
import { median, round } from './figures.ts'
import { copyOf, createAndStart, type RawContainer, stopAndRemove } from './raw-docker.ts'

const ENGINES = 20
/** As many creates as acefleet's executor has under way at once. */
const CONCURRENCY = 4
/** Rounds of each side; one more before them warms up both, the daemon's caches included, and is thrown away. */
const ROUNDS = 7
/** The daemon goes on tidying up after its last answer, ms. */
const REST_MS = 3_000

const nowMs = () => performance.timeOrigin + performance.now()

/** Hears when the daemon has started so many containers with the label; tells the last one's time, Unix ms. */
async function lastStart(docker: Docker, label: string, value: string) {
  const last = Promise.withResolvers<number>()
  let starts = 0
  const listening = await listenToDaemon(docker, ({ action, labels, at }) => {
    if (action !== 'start' || labels[label] !== value) return
    starts += 1
    if (starts === ENGINES) last.resolve(at)
  })
  return { at: last.promise, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}

/** From the acceptance of the spec to the daemon's word on the 20th start, ms. */
async function converge20({ rig, spec }: BenchRig): Promise<number> {
  using started = await lastStart(rig.docker, 'acefleet.instance', rig.instance)
  const before = nowMs()
  await rig.edit(spec(ENGINES))
  const end = await started.at
  const accepted = (await rig.events()).find(
    ({ reason, at }) => reason === 'SpecAccepted' && Date.parse(at) >= before,
  )
  if (accepted === undefined) throw new Error('acefleet does not tell when it accepted the spec')
  return end - Date.parse(accepted.at)
}

/** From the first request to the daemon's word on the 20th start, ms. acefleet stands still meanwhile. */
async function raw20({ rig }: BenchRig, containers: readonly RawContainer[]): Promise<number> {
  rig.signal('SIGSTOP')
  try {
    using started = await lastStart(rig.docker, 'acefleet.bench', rig.instance)
    const begun = nowMs()
    const made = await createAndStart(rig.docker, containers, CONCURRENCY)
    const end = await started.at
    await stopAndRemove(made, CONCURRENCY)
    return end - begun
  } finally {
    rig.signal('SIGCONT')
    await nodesUp(rig)
  }
}

/** Containers that differ from acefleet's own in name and owner only. */
async function copies({ rig }: BenchRig): Promise<readonly RawContainer[]> {
  const labels = {
    'acefleet.instance': `${rig.instance}-raw`,
    'acefleet.bench': rig.instance,
    // By this the rig removes what is left when a round is broken off.
    'acefleet.test': rig.instance,
  }
  const engines = await rig.engines()
  return await Promise.all(
    engines.map(({ containerId }) =>
      copyOf(rig.docker, containerId ?? '', { prefix: 'raw-', labels }),
    ),
  )
}

/** `npm run bench -- converge`: 0 to 20 engines, against the raw Docker API with the same containers. */
export async function converge(run: BenchRun): Promise<Figures> {
  const { say, signal } = run
  await using bench = await startBenchRig(run)
  const { rig } = bench
  const ratios: number[] = []
  let containers: readonly RawContainer[] = []

  async function ours(): Promise<number> {
    const ms = await converge20(bench)
    await rig.converged(ENGINES)
    if (containers.length === 0) containers = await copies(bench)
    await rig.edit(bench.spec(0))
    await rig.converged(0)
    await sleep(REST_MS, undefined, { signal })
    return ms
  }
  async function theirs(): Promise<number> {
    const ms = await raw20(bench, containers)
    await sleep(REST_MS, undefined, { signal })
    return ms
  }

  for (let number = 0; number <= ROUNDS; number++) {
    signal.throwIfAborted()
    // Who comes first changes, lest one side always meet what the other left behind.
    const isOursFirst = number % 2 === 0
    const first = isOursFirst ? await ours() : await theirs()
    const second = isOursFirst ? await theirs() : await ours()
    const [own, raw] = isOursFirst ? [first, second] : [second, first]
    const ratio = own / raw
    const name = number === 0 ? 'warm-up' : `round ${number}`
    say(`${name}: acefleet ${round(own, 0)} ms, raw ${round(raw, 0)} ms, ratio ${round(ratio)}`)
    if (number > 0) ratios.push(ratio)
  }
  return {
    ratio: round(median(ratios)),
    engines: ENGINES,
    concurrency: CONCURRENCY,
    rounds: ROUNDS,
  }
}
