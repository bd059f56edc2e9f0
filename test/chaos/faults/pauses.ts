import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene, Struck } from '../fault.ts'
import type { Failpoint } from '../preload/messages.ts'
import type { Replica } from '../replica.ts'

/** The occasion comes within so long, or this round has none, ms. */
const OCCASION_MS = 20_000

/** What has the leader act. */
type Occasion = 'kill' | 'rollOut' | 'shrink'

/** From just behind the ttl, when another one has begun to lead, to three of them. */
function pauseMs({ stage, random }: Scene): number {
  const { ttlMs } = stage.timing
  return random.int(ttlMs + 1_000, 3 * ttlMs)
}

function leaderOf({ stage }: Scene): Replica {
  const leader = stage.leader()
  if (leader === undefined) throw new Error('nobody leads')
  return leader
}

/** Lets time pass over a stopped leader; in the second half of it somebody else has something to do as well. */
async function passTime(scene: Scene, ms: number): Promise<void> {
  const { churn, random } = scene
  const killAt = random.int(ms / 2, ms)
  await sleep(killAt)
  if (random.chance(0.7)) await churn.killEngine()
  await sleep(ms - killAt)
}

async function provoke({ churn, stage }: Scene, occasion: Occasion): Promise<void> {
  if (occasion === 'kill') return await churn.killEngine()
  if (occasion === 'rollOut') return await churn.rollOut()
  const { replicas } = stage.wanted()
  await stage.edit({ replicas: replicas > 3 ? replicas - 1 : replicas + 1 })
}

/** Stops the leader at any instant while it works. */
async function pauseAnytime(scene: Scene): Promise<Struck> {
  const { churn, random } = scene
  const ms = pauseMs(scene)
  const leader = leaderOf(scene)
  await (random.chance(0.5) ? churn.rollOut() : churn.killEngine())
  const afterMs = random.int(0, 1_500)
  await sleep(afterMs)
  leader.pause()
  await passTime(scene, ms)
  leader.resume()
  return { detail: `${ms} ms, ${afterMs} ms into the churn` }
}

/** Stops the leader where the point says, in that very tick. */
function pauseAt(name: string, point: Omit<Failpoint, 'nth'>, occasion: Occasion): Fault {
  return {
    name,
    async strike(scene) {
      const { random } = scene
      const ms = pauseMs(scene)
      const nth = occasion === 'rollOut' ? random.int(1, 2) : 1
      const leader = leaderOf(scene)
      await leader.arm({ ...point, nth })
      await provoke(scene, occasion)
      const line = await leader.stopped(OCCASION_MS)
      if (line === undefined) {
        await leader.arm({ at: 'issue', line: '^never$', nth: 1 })
        return { detail: `${point.line} did not come`, isMissed: true }
      }
      await passTime(scene, ms)
      leader.resume()
      return { detail: `${ms} ms at ${line.replace(/[0-9a-f]{60,}/, (id) => id.slice(0, 8))}` }
    },
  }
}

const CREATE = '^POST /containers/create'
const CHANGE = '^(POST /containers/|DELETE /containers/)'

export const PAUSES: readonly Fault[] = [
  { name: 'pause', strike: pauseAnytime },
  { name: 'pause-default-lease', isAtDefaults: true, strike: pauseAnytime },
  pauseAt('pause-behind-guard', { at: 'issue', line: CHANGE }, 'rollOut'),
  pauseAt('pause-create-unsent', { at: 'send', line: CREATE }, 'kill'),
  pauseAt('pause-stop-unsent', { at: 'send', line: '^POST /containers/[0-9a-f]+/stop' }, 'rollOut'),
  pauseAt('pause-remove-create', { at: 'answer', line: '^DELETE /containers/' }, 'rollOut'),
  pauseAt('pause-create-start', { at: 'answer', line: CREATE }, 'kill'),
  // Between the last words of a dead engine and the mark for its removal.
  pauseAt('pause-before-mark', { at: 'answer', line: '^GET /containers/[0-9a-f]+/logs' }, 'kill'),
]
