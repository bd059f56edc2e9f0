import { setTimeout as sleep } from 'node:timers/promises'
import type { TcpProxy } from '../../harness/tcp-proxy.ts'
import type { Fault, Scene, Struck } from '../fault.ts'
import type { Replica } from '../replica.ts'

/** To and fro 300 ms on average, 200 ms more or less. */
const LATENCY = { toServer: 150, toClient: 150, jitter: 100 }

const waysOf = (replica: Replica): readonly TcpProxy[] => [
  ...new Set([replica.data, ...replica.leases]),
]

async function heal(ways: readonly TcpProxy[]): Promise<void> {
  for (const way of ways) await way.heal()
}

async function slowDown({ stage, churn, random }: Scene): Promise<Struck> {
  const ms = random.int(5_000, 10_000)
  const ways = stage.replicas.flatMap(waysOf)
  for (const way of ways) way.setLatency(LATENCY)
  await churn.rollOut()
  await sleep(ms / 2)
  await churn.killEngine()
  await sleep(ms / 2)
  await heal(ways)
  return { detail: `${ms} ms` }
}

async function loseReplies({ stage, churn, random }: Scene): Promise<Struck> {
  const { ttlMs } = stage.timing
  const ms = random.int(ttlMs / 2, 2 * ttlMs)
  const after = random.pick(['cut', 'hang'] as const)
  const victims = random.chance(0.5)
    ? stage.replicas
    : [stage.leader()].filter((r) => r !== undefined)
  const ways = victims.flatMap(waysOf)
  await churn.rollOut()
  await sleep(random.int(0, 1_000))
  for (const way of ways) way.loseReplies(after)
  await churn.killEngine()
  await sleep(ms)
  await heal(ways)
  return { detail: `${victims.length === 1 ? "the leader's" : "everybody's"}, ${after}, ${ms} ms` }
}

async function cutDocker({ stage, churn, random }: Scene): Promise<Struck> {
  const ms = random.int(3_000, 10_000)
  const isLeader = random.chance(0.7)
  const standby = stage.replicas.find((replica) => replica !== stage.leader())
  const victim = isLeader ? stage.leader() : standby
  await churn.rollOut()
  await sleep(random.int(0, 2_000))
  await victim?.docker.refuse()
  await churn.killEngine()
  await sleep(ms)
  await victim?.docker.heal()
  return { detail: `${isLeader ? 'the leader' : 'a standby'}, ${ms} ms` }
}

/** Steps the clock and, some time later, puts it back, as NTP does twice. */
async function stepClock({ stage, churn, random }: Scene): Promise<Struck> {
  const ms = random.pick([-3_600_000, -5_000, 1_500, 5_000, 3_600_000])
  const isLeader = random.chance(0.7)
  const standby = stage.replicas.find((replica) => replica !== stage.leader())
  const victim = isLeader ? stage.leader() : standby
  await churn.rollOut()
  await sleep(random.int(0, 2_000))
  await victim?.stepClock(ms)
  await churn.killEngine()
  await sleep(random.int(2_000, 6_000))
  await victim?.stepClock(0)
  return { detail: `${isLeader ? "the leader's" : "a standby's"} by ${ms} ms, and back` }
}

export const WAY_FAULTS: readonly Fault[] = [
  { name: 'latency', strike: slowDown },
  { name: 'replies-lost', strike: loseReplies },
  { name: 'docker-cut', strike: cutDocker },
  { name: 'clock-stepped', strike: stepClock },
]
