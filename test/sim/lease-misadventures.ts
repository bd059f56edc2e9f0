import type { FakeLeaseServer } from './fake-lease-server.ts'
import { later, type Misadventure, onController } from './misadventure.ts'
import type { World } from './world.ts'

/** How far apart clocks may run: well within what the keeper's margin covers. */
const PACES = [0.95, 0.98, 1.02, 1.05] as const

function onServer(act: (world: World, server: FakeLeaseServer, k: number) => void): Misadventure {
  return (world) => {
    const { servers } = world.leases
    const k = world.random.int(0, servers.length - 1)
    const server = servers[k]
    if (server !== undefined) act(world, server, k)
  }
}

/** What happens to those who keep the lease. */
export const LEASE_MISADVENTURES: Readonly<Record<string, Misadventure>> = {
  'lease server is killed': onServer((world, server, k) => {
    world.leases.forget(k, 'flush')
    server.kill()
    later(world, [500, 15_000], () => server.start())
  }),
  'lease server freezes': onServer((world, server) => {
    server.freeze()
    later(world, [500, 15_000], () => server.thaw())
  }),
  'lease servers away': (world) => {
    for (const server of world.leases.servers) server.freeze()
    later(world, [500, 15_000], () => {
      for (const server of world.leases.servers) server.thaw()
    })
  },
  'lease server is flushed': onServer(({ leases }, _, k) => leases.forget(k, 'flush')),
  'lease server restarts empty': onServer(({ leases }, _, k) => leases.forget(k, 'restart')),
  'lease server has its own pace': onServer(({ random }, server) =>
    server.setPace(random.pick(PACES)),
  ),
  'lease replies are lost': onController(({ leases, random }, { process: { name } }) => {
    for (const k of leases.servers.keys()) leases.loseReplies(name, k, random.int(0, 3))
  }),
}

/** All that ends. */
export function mendLeases({ leases, controllers }: World): void {
  for (const [k, server] of leases.servers.entries()) {
    server.start()
    server.thaw()
    server.setPace(1)
    for (const { process } of controllers()) {
      leases.setCut(process.name, k, false)
      leases.loseReplies(process.name, k, 0)
    }
  }
}
