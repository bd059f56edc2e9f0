import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setUp } from '../../deploy/setup/main.ts'
import { whenConverged } from '../chaos/converged.ts'
import { type Grounds, layGrounds } from '../chaos/grounds.ts'
import type { Replica } from '../chaos/replica.ts'
import { type Stage, setStage } from '../chaos/stage.ts'
import { type ChaosTiming, DEFAULT } from '../chaos/timing.ts'
import { makeRandom } from '../sim/random.ts'
import { buildStandIns } from '../standins/build.ts'
import type { BenchRun, Figures } from './bench.ts'
import { percentile, round } from './figures.ts'

const ROUNDS = 30
/** A crash under these takes a quarter of a minute, and says the same each time. */
const KUBE_ROUNDS = 10
/** LeaseDuration and RetryPeriod of kube-controller-manager; its RenewDeadline of 10 s is our ttl − margin, 12 s. */
const KUBE: ChaosTiming = { ttlMs: 15_000, renewMs: 2_000 }
/** As many as there are engines: one that replaces another would have to back off. */
const ROUNDS_PER_STAGE = 5
const PATIENCE_MS = 90_000

interface Series {
  readonly name: string
  readonly signal: 'SIGTERM' | 'SIGKILL'
  readonly timing: ChaosTiming
  readonly rounds: number
}

const SERIES = {
  graceful: { name: 'graceful', signal: 'SIGTERM', timing: DEFAULT, rounds: ROUNDS },
  crash: { name: 'crash', signal: 'SIGKILL', timing: DEFAULT, rounds: ROUNDS },
  kubeCrash: { name: 'kube crash', signal: 'SIGKILL', timing: KUBE, rounds: KUBE_ROUNDS },
} satisfies Record<string, Series>

async function atRest(stage: Stage): Promise<void> {
  const { trouble } = await whenConverged(stage, PATIENCE_MS)
  if (trouble !== undefined) throw new Error(`the fleet does not come to rest: ${trouble}`)
}

/** One that has not replaced another, and whose place is one of several. */
async function oldestEngine({ docker, instance }: Stage): Promise<string> {
  const label = [`acefleet.instance=${instance}`]
  const rows = await docker.listContainers({ filters: { label } })
  const ordinary = rows.filter(({ Labels }) => Labels['acestream.forwarded'] !== 'true')
  const [oldest] = ordinary.toSorted((a, b) => a.Created - b.Created)
  if (oldest === undefined) throw new Error('no engine runs')
  return oldest.Id
}

/** Unix ms at which somebody else than the old leader first issued a change, in the tick of its guard. */
async function firstCall({ facts }: Stage, old: Replica, after: number): Promise<number> {
  const oldPid = old.pid()
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(5)) {
    const call = facts.calls.find(({ pid, at }) => pid !== oldPid && at >= after)
    if (call !== undefined) return call.at
  }
  throw new Error('nobody took over')
}

/** Ends the leader and, at the same time, an engine: so that the next leader has something to do at once. */
async function failOver(stage: Stage, signal: Series['signal']): Promise<number> {
  const leader = stage.leader()
  if (leader === undefined) throw new Error('nobody leads')
  const engine = await oldestEngine(stage)
  const at = Date.now()
  const ended = leader.end(signal)
  await stage.docker.getContainer(engine).kill()
  const actedAt = await firstCall(stage, leader, at)
  await ended
  await leader.start()
  await atRest(stage)
  return actedAt - at
}

async function measureOn(
  run: BenchRun,
  grounds: Grounds,
  series: Series,
  options: { readonly rounds: number; readonly number: number },
): Promise<readonly number[]> {
  const { rounds, number } = options
  const dir = await mkdtemp(join(tmpdir(), 'acefleet-bench-'))
  await using left = new AsyncDisposableStack()
  left.defer(() => rm(dir, { recursive: true, force: true }))
  const random = makeRandom(number)
  const stage = left.use(
    await setStage({ grounds, dir, number, leaseServers: 3, timing: series.timing, random }),
  )
  await stage.edit({ replicas: ROUNDS_PER_STAGE + 1 })
  await atRest(stage)
  const times: number[] = []
  while (times.length < rounds) {
    run.signal.throwIfAborted()
    times.push(await failOver(stage, series.signal))
  }
  run.say(`${series.name}: ${times.map((ms) => round(ms, 0)).join(' ')} ms`)
  return times
}

/**
 * `npm run bench -- failover`: from the signal that ends the leader (SIGTERM, SIGKILL) to the tick in which the next one
 * issues its first change of the world, the create for an engine that was killed with the leader. Three replicas,
 * three lease servers; acefleet's default lease, and beside it the durations of kube's, through the same keeper.
 */
export async function failover(run: BenchRun): Promise<Figures> {
  const docker = await setUp()
  await using grounds = await layGrounds(docker, await buildStandIns({ docker }))
  let number = 0
  const measure = async (series: Series): Promise<readonly number[]> => {
    const times: number[] = []
    while (times.length < series.rounds) {
      number += 1
      const rounds = Math.min(ROUNDS_PER_STAGE, series.rounds - times.length)
      times.push(...(await measureOn(run, grounds, series, { rounds, number })))
    }
    return times
  }
  const [graceful, crash, kube] = [
    await measure(SERIES.graceful),
    await measure(SERIES.crash),
    await measure(SERIES.kubeCrash),
  ]
  return {
    graceful_p50_ms: round(percentile(graceful, 50), 0),
    graceful_p99_ms: round(percentile(graceful, 99), 0),
    crash_p50_ms: round(percentile(crash, 50), 0),
    crash_p99_ms: round(percentile(crash, 99), 0),
    kube_crash_p99_ms: round(percentile(kube, 99), 0),
    rounds: graceful.length,
    kube_rounds: kube.length,
  }
}
