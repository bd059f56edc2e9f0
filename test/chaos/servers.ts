import { type StartedRedis, startRedis } from '../harness/redis.ts'
import type { Facts } from './judge/facts.ts'
import type { Replica } from './replica.ts'
import { monitorRedis, type RedisMonitor } from './witness/redis-monitor.ts'
import type { StoreWatch } from './witness/store-watch.ts'

/** The Redis servers of a block, with a monitor at each. */
export interface Servers extends AsyncDisposable {
  readonly data: StartedRedis
  /** One that is the data server as well, or three of their own. */
  readonly leases: readonly StartedRedis[]
  /** Starts one anew, empty; nobody gets in before its monitor listens. */
  restart(server: StartedRedis, replicas: readonly Replica[]): Promise<void>
}

/** The ways of all replicas to one server. */
function waysTo(servers: Servers, server: StartedRedis, replicas: readonly Replica[]) {
  const index = servers.leases.indexOf(server)
  return replicas.flatMap((replica) => {
    const way = server === servers.data ? replica.data : replica.leases[index]
    return way === undefined ? [] : [way]
  })
}

interface Heard {
  readonly facts: Facts
  readonly watch: StoreWatch
  readonly leaseKey: string
}

export async function startServers(count: 1 | 3, heard: Heard): Promise<Servers> {
  await using started = new AsyncDisposableStack()
  const data = started.use(await startRedis())
  const leases: StartedRedis[] = count === 1 ? [data] : []
  while (leases.length < count) leases.push(started.use(await startRedis()))
  const monitors = new Map<StartedRedis, RedisMonitor>()
  for (const server of new Set([data, ...leases])) {
    const renewals = heard.facts.renewals[leases.indexOf(server)]
    const monitor = monitorRedis(server.port, (command) => {
      const { at, name, args } = command
      // To redlock granting and extending are the same command.
      if (name === 'set' && args[0] === heard.leaseKey) renewals?.push(at)
      if (server === data) heard.watch.hear(command)
    })
    monitors.set(server, started.use(monitor))
    await monitor.attached()
  }
  const owned = started.move()
  const servers: Servers = {
    data,
    leases,
    async restart(server, replicas) {
      const ways = waysTo(servers, server, replicas)
      for (const way of ways) await way.refuse()
      await server.restart()
      await monitors.get(server)?.attached()
      for (const way of ways) await way.heal()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  return servers
}
