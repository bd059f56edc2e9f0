import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import { makeStreamChecker } from '../harness/check-stream.ts'
import { open } from '../harness/open-stream.ts'
import type { BenchRun, Figures } from './bench.ts'
import { round } from './figures.ts'
import { cpuMs, rssMib } from './process-usage.ts'

/** How long it goes on, minutes; an hour unless `SOAK_MINUTES` says otherwise. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 60)
const ENGINES = 6
const CONTENTS = 8
const VIEWERS = 16
/** Viewers stay for so long at most, ms; each that leaves is followed by another. */
const LONGEST_VISIT_MS = 120_000
const SAMPLE_MS = 30_000
/** An engine is killed so often, ms. */
const KILL_EVERY_MS = 150_000

interface Tally {
  visits: number
  bytes: number
  jumps: number
  refused: number
  readonly problems: string[]
}

const contentOf = (n: number) => (n + 1).toString(16).padStart(40, '0')

/** One viewer after the other: plays, looks at every packet, leaves; one in eight stalls instead. */
async function keepWatching(url: string, tally: Tally, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const visit = AbortSignal.any([signal, AbortSignal.timeout(randomInt(5_000, LONGEST_VISIT_MS))])
    const isStalled = randomInt(8) === 0
    tally.visits += 1
    const response = await open(`${url}/ace/getstream?id=${contentOf(randomInt(CONTENTS))}`, visit)
    if (response?.statusCode !== 200) {
      tally.refused += 1
      response?.destroy()
      await sleep(1_000)
      continue
    }
    const checker = makeStreamChecker({ jumps: 'signalled' })
    if (!isStalled) {
      response.on('data', (chunk: Buffer) => {
        tally.bytes += chunk.length
        checker.push(chunk)
      })
    }
    await new Promise((resolve) => {
      response.once('close', resolve)
      visit.addEventListener('abort', resolve, { once: true })
    })
    response.destroy()
    const { problems, jumps } = checker.report()
    tally.jumps += jumps.length
    tally.problems.push(...problems.slice(0, 3))
  }
}

async function killNowAndThen(rig: Rig, signal: AbortSignal): Promise<number> {
  const docker = new Docker()
  let kills = 0
  while (!signal.aborted) {
    await sleep(KILL_EVERY_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) break
    const engines = (await rig.engines()).filter(({ ready }) => ready)
    const victim = engines[randomInt(Math.max(1, engines.length))]?.containerId
    if (victim == null) continue
    await docker
      .getContainer(victim)
      .kill()
      .catch(() => {})
    kills += 1
  }
  return kills
}

/**
 * `npm run bench -- soak`: the whole program for an hour, with viewers who come, go and stall while engines die. Its
 * curve of memory says whether anything is kept for ever.
 */
export async function soak({ say, signal }: BenchRun): Promise<Figures> {
  await using rig = await makeRig()
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(tunnelled(rig, { replicas: ENGINES }))
  await rig.start()
  await rig.converged(ENGINES)
  const over = AbortSignal.any([signal, AbortSignal.timeout(MINUTES * 60_000)])
  const tally: Tally = { visits: 0, bytes: 0, jumps: 0, refused: 0, problems: [] }
  const watching = Array.from({ length: VIEWERS }, () => keepWatching(rig.url(), tally, over))
  const killing = killNowAndThen(rig, over)
  const curve: number[] = []
  const cpuBefore = cpuMs(rig.pid())
  const from = performance.now()
  while (!over.aborted) {
    await sleep(SAMPLE_MS, undefined, { signal: over }).catch(() => {})
    if (signal.aborted) break
    curve.push(rssMib(rig.pid()))
    const minutes = (performance.now() - from) / 60_000
    const { visits, bytes, problems } = tally
    say(
      `${round(minutes)} min: ${round(curve.at(-1) ?? 0, 0)} MiB, ${visits} visits, ` +
        `${round(bytes / 2 ** 20, 0)} MiB seen, ${problems.length} problems`,
    )
  }
  signal.throwIfAborted()
  const cpuPct = ((cpuMs(rig.pid()) - cpuBefore) / (performance.now() - from)) * 100
  const kills = await killing
  await Promise.all(watching)
  for (const problem of tally.problems.slice(0, 10)) say(problem)
  const half = curve.slice(Math.floor(curve.length / 2))
  const third = curve.slice(0, Math.ceil(curve.length / 4))
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  return {
    minutes: MINUTES,
    visits: tally.visits,
    refused: tally.refused,
    kills,
    jumps: tally.jumps,
    problems: tally.problems.length,
    gib_seen: round(tally.bytes / 2 ** 30),
    rss_first_quarter_mib: round(mean(third), 0),
    rss_last_half_mib: round(mean(half), 0),
    rss_max_mib: round(Math.max(...curve), 0),
    cpu_pct: round(cpuPct),
  }
}
