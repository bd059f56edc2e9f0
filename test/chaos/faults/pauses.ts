import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene, Struck } from '../fault.ts'
import type { Failpoint } from '../preload/messages.ts'
import type { Replica } from '../replica.ts'

/** The occasion comes within so long, or this round has none, ms. */
const OCCASION_MS = 20_000

/** A call that was ready to be sent has arrived by then, ms. */
const LANDING_MS = 300

const CREATE = '^POST /containers/create'
const CHANGE = '^(POST /containers/|DELETE /containers/)'

/** Ids are too long for a table. */
function shorten(line: string): string {
  return line.replace(/[0-9a-f]{60,}/, (id) => id.slice(0, 8))
}

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

/** Has it go on, and tells whether the call at which it stood still arrived, so much later. */
async function resumeLate(replica: Replica, line: string): Promise<string> {
  const before = replica.docker.heard.length
  replica.resume()
  await sleep(LANDING_MS)
  return replica.docker.heard.slice(before).includes(line) ? ', landed late' : ''
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
      const landed = await resumeLate(leader, line)
      return { detail: `${ms} ms at ${shorten(line)}${landed}` }
    },
  }
}

/** Resolves with the first of the replicas that stops itself. */
async function firstStopped(replicas: readonly Replica[]): Promise<Replica | undefined> {
  const stopped = replicas.map(async (replica) => {
    if ((await replica.stopped(OCCASION_MS)) === undefined) throw new Error('it went by')
    return replica
  })
  return await Promise.any(stopped).catch(() => undefined)
}

async function disarm(replicas: readonly Replica[], but?: Replica): Promise<void> {
  for (const replica of replicas)
    if (replica !== but) await replica.arm({ at: 'issue', line: '^never$', nth: 1 })
}

/**
 * The leader crashes together with the engines, and the next one freezes amid its first creates: what it had planned is
 * not too old to go on with, and only the guard says that a third one leads by now.
 */
async function pauseNewLeader(scene: Scene): Promise<Struck> {
  const { stage, churn, random } = scene
  const { ttlMs } = stage.timing
  const ms = random.int(ttlMs + 1_000, ttlMs + 1_800)
  const old = leaderOf(scene)
  const standbys = stage.replicas.filter((replica) => replica !== old)
  await churn.end()
  for (const standby of standbys) await standby.arm({ at: 'answer', line: CREATE, nth: 1 })
  await old.end('SIGKILL')
  for (let left = stage.wanted().replicas; left > 0; left--) await churn.killEngine()
  const next = await firstStopped(standbys)
  await disarm(standbys, next)
  if (next === undefined) return { detail: 'nobody created anything', isMissed: true }
  await sleep(ms)
  next.resume()
  return { detail: `${ms} ms behind its first create` }
}

/** A stale leader's create arrives just before the next leader's of the same name: which then is taken. */
async function crossCreates(scene: Scene): Promise<Struck> {
  const { stage, churn } = scene
  const old = leaderOf(scene)
  const standbys = stage.replicas.filter((replica) => replica !== old)
  await old.arm({ at: 'send', line: CREATE, nth: 1 })
  await churn.killEngine()
  const line = await old.stopped(OCCASION_MS)
  if (line === undefined) {
    await disarm([old])
    return { detail: 'nothing was created', isMissed: true }
  }
  for (const standby of standbys) await standby.arm({ at: 'send', line: CREATE, nth: 1 })
  const next = await firstStopped(standbys)
  await disarm(standbys, next)
  const landed = await resumeLate(old, line)
  next?.resume()
  if (next === undefined) return { detail: 'the next leader created nothing', isMissed: true }
  return { detail: `${shorten(line)}${landed}` }
}

export const PAUSES: readonly Fault[] = [
  { name: 'pause', strike: pauseAnytime },
  { name: 'pause-default-lease', isAtDefaults: true, strike: pauseAnytime },
  pauseAt('pause-behind-guard', { at: 'issue', line: CHANGE }, 'rollOut'),
  pauseAt('pause-create-unsent', { at: 'send', line: CREATE }, 'kill'),
  pauseAt('pause-stop-unsent', { at: 'send', line: '^POST /containers/[0-9a-f]+/stop' }, 'rollOut'),
  pauseAt('pause-remove-create', { at: 'answer', line: '^DELETE /containers/' }, 'rollOut'),
  pauseAt('pause-create-start', { at: 'answer', line: CREATE }, 'kill'),
  pauseAt('pause-mark-unsent', { at: 'send', line: '^REDIS mark' }, 'rollOut'),
  { name: 'pause-new-leader', strike: pauseNewLeader },
  { name: 'creates-crossed', strike: crossCreates },
]
