import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene, Struck } from '../fault.ts'

const OCCASION_MS = 15_000

async function killInRollout({ stage, churn, random }: Scene): Promise<Struck> {
  await churn.rollOut()
  const afterMs = random.int(200, 3_000)
  await sleep(afterMs)
  await stage.leader()?.end('SIGKILL')
  return { detail: `${afterMs} ms after the edit` }
}

/** The next leader goes by the same deadline: the judge compares marks, and no stream may end before. */
async function killInDrain({ stage, churn, random }: Scene): Promise<Struck> {
  await churn.watchEngines(stage.wanted().replicas)
  const watched = new Set(churn.viewers().map(({ id }) => id))
  const before = stage.facts.marks.length
  await churn.rollOut()
  const isDraining = () => stage.facts.marks.slice(before).some(({ id }) => watched.has(id))
  for (const end = Date.now() + OCCASION_MS; !isDraining(); await sleep(20))
    if (Date.now() > end) return { detail: 'no engine with a viewer was drained', isMissed: true }
  const afterMs = random.int(0, 2_000)
  await sleep(afterMs)
  await stage.leader()?.end('SIGKILL')
  return { detail: `${afterMs} ms into the drain` }
}

export const CRASHES: readonly Fault[] = [
  { name: 'kill-in-rollout', strike: killInRollout },
  { name: 'kill-in-drain', strike: killInDrain },
]
