import { setTimeout as sleep } from 'node:timers/promises'
import type { StartedRedis } from '../../harness/redis.ts'
import type { Fault, Scene, Struck } from '../fault.ts'

/** Work for a leader while a server is away, soon and late: it must not be done later than its lease allows. */
async function passTime({ churn, random }: Scene, ms: number): Promise<void> {
  const soon = random.int(0, ms / 2)
  const late = random.int(ms / 2, ms)
  await sleep(soon)
  await churn.killEngine()
  await sleep(late - soon)
  await churn.killEngine()
  await sleep(ms - late)
}

async function restartEmpty(scene: Scene): Promise<Struck> {
  const { stage, random } = scene
  const { servers, facts } = stage
  const ms = random.int(300, 8_000)
  facts.forgot.push(Date.now())
  await servers.data.kill()
  await passTime(scene, ms)
  await servers.restart(servers.data, stage.replicas)
  return { detail: `gone for ${ms} ms, and empty` }
}

async function pauseData(scene: Scene): Promise<Struck> {
  const { stage, scale } = scene
  const ms = 30_000 * scale
  stage.servers.data.signal('SIGSTOP')
  await passTime(scene, ms)
  stage.servers.data.signal('SIGCONT')
  return { detail: `${ms} ms` }
}

async function flush(scene: Scene): Promise<Struck> {
  const { stage, churn, random } = scene
  const afterMs = random.int(0, 1_500)
  await churn.rollOut()
  await sleep(afterMs)
  stage.facts.forgot.push(Date.now())
  await stage.servers.data.flushAll()
  await churn.killEngine()
  return { detail: `${afterMs} ms into a rollout` }
}

function leaseServersDown(name: string, count: 1 | 2): Fault {
  return {
    name,
    leaseServers: 3,
    async strike(scene) {
      const { stage, random } = scene
      const { leases } = stage.servers
      const first = random.int(0, leases.length - 1)
      const down = Array.from({ length: count }, (_, i) => leases[(first + i) % leases.length])
      const ms = random.int(2 * stage.timing.ttlMs, 4 * stage.timing.ttlMs)
      const isFrozen = random.chance(0.5)
      const each = async (act: (server: StartedRedis) => unknown) => {
        for (const server of down) if (server !== undefined) await act(server)
      }
      await each((server) => (isFrozen ? server.signal('SIGSTOP') : server.kill()))
      await passTime(scene, ms)
      await each((server) =>
        isFrozen ? server.signal('SIGCONT') : stage.servers.restart(server, stage.replicas),
      )
      return { detail: `${isFrozen ? 'frozen' : 'dead'} for ${ms} ms` }
    },
  }
}

export const REDIS_FAULTS: readonly Fault[] = [
  { name: 'redis-restarted-empty', strike: restartEmpty },
  { name: 'redis-paused', strike: pauseData },
  { name: 'redis-flushed', strike: flush },
  leaseServersDown('lease-1-of-3-down', 1),
  leaseServersDown('lease-2-of-3-down', 2),
]
