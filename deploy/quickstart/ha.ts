import type Docker from 'dockerode'
import type { Say } from '../setup/root.ts'
import type { Crew } from './crew.ts'
import { demo } from './demo.ts'
import { makeHerald } from './herald.ts'
import { type Kept, keep } from './kept.ts'
import { endText, fallText, leaderText, type Replica, reignOf } from './leading.ts'
import { anyPort, freePorts } from './port.ts'
import type { Picture } from './progress.ts'
import { launchRedis, startRedis } from './redis.ts'
import { type Fallen, type Replicas, startReplicas } from './replicas.ts'

/** How long what was killed stays away: long enough to see the others take over. */
const pauseMs = 20_000
const again = `It is started again in ${pauseMs / 1_000} s.`

/** Who ends with an error so soon cannot start at all. */
const stillbornMs = 10_000

export interface HaOptions {
  readonly docker: Docker
  /** Prints a line; also while something is awaited below it. */
  readonly tell: Say
  /** Something was started again: what {@link Crew.pids} says is another thing now. */
  readonly onPids: () => void
}

/** Three replicas on one Redis. Whatever of them is killed is started again after a while. */
export async function startHa({ docker, tell, onPids }: HaOptions): Promise<Crew> {
  const redisPort = await anyPort()
  const ports = await freePorts(demo.firstPort, demo.replicaLogs.length)
  const herald = makeHerald({ docker, tell, replicas: () => replicas.all() })
  const over = Promise.withResolvers<string>()

  function onFall({ who, pid, ending, livedMs, lastWords }: Fallen): void {
    const isIll = ending.code !== null && ending.code !== 0
    const words = isIll ? ` ${lastWords}` : ''
    if (isIll && livedMs < stillbornMs && replicas.living().length === 0) {
      over.resolve(`${who} ${endText(ending)}, as the others have.${words}`)
      return
    }
    tell(`${who} ${endText(ending)}. ${fallText(herald.ledBy(pid))} ${again}${words}`)
    herald.fell(who, ending)
  }

  const redis = keep({
    first: await startRedis(redisPort, tell),
    startAgain: () => launchRedis(redisPort),
    pauseMs,
    onEnd({ pid }, ending) {
      const who = `Redis (process ${pid})`
      tell(`${who} ${endText(ending)}: nobody leads without it, and the engines run on. ${again}`)
      herald.fell(who, ending)
    },
    onAgain({ pid }) {
      onPids()
      tell(`Redis runs again, empty, as process ${pid}`)
    },
  })
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const replicas = startReplicas({ ports, redisUrl, pauseMs, tell, onFall, onAgain: onPids })
  return { look: herald.look, ended: over.promise, ...makeCrew(replicas, redis) }
}

function makeCrew(replicas: Replicas, redis: Kept): Omit<Crew, 'look' | 'ended'> {
  const leaders = ({ fleets }: Picture) => fleets.map((fleet) => leaderText(fleet, replicas.all()))
  return {
    urls: () => replicas.living().map(({ url }) => url),
    // A replica may be frozen (kill -STOP): another one is asked soon.
    patienceMs: 2_000,
    brief: (picture) => leaders(picture).join(' | '),
    notes: leaders,
    invitation: (picture) => invitation(picture, replicas.all(), redis.pid()),
    farewell: 'Stopping the three replicas and Redis; the engines go on running.',
    pids: () => [
      ...replicas.living().map(({ pid }) => pid),
      ...(redis.isAlive() ? [redis.pid()] : []),
    ],
    async stop() {
      await replicas.stop()
      await redis.stop()
    },
  }
}

function invitation(
  { fleets }: Picture,
  replicas: readonly Replica[],
  redisPid: number,
): readonly string[] {
  const leader = fleets.map(reignOf).find((reign) => reign !== undefined)?.pid
  const seats = replicas.map(
    ({ name, url, pid }) =>
      `  ${url}   ${name}, process ${pid}, ${pid === leader ? 'leads' : 'stands by'}`,
  )
  return [
    `  kill -9 ${leader}      kills who leads: another one does within seconds, and no engine notices`,
    `  kill -STOP ${leader}   freezes it instead; kill -CONT ${leader} wakes it as a standby`,
    `  kill -9 ${redisPid}      kills Redis: nobody leads, the engines run on`,
    'The replicas',
    ...seats,
  ]
}
