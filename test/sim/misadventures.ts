import type { ContainerId } from '../../src/docker/port.ts'
import type { WorldContainer } from './fake-docker.ts'
import { LEASE_MISADVENTURES, mendLeases } from './lease-misadventures.ts'
import { later, type Misadventure, onController } from './misadventure.ts'
import { PEERS } from './network.ts'
import { editFleet } from './sim-fleet.ts'
import { drawStep, STORE_MISADVENTURES, setHostClock } from './store-misadventures.ts'
import { isOurs } from './truth.ts'
import type { World } from './world.ts'
import { isAlive } from './world-container.ts'

function ours(world: World): readonly WorldContainer[] {
  return world.docker.world().filter((each) => isOurs(each, world.fleet().name))
}

function someone(world: World): WorldContainer | undefined {
  const running = ours(world).filter(isAlive)
  return running.length === 0 ? undefined : world.random.pick(running)
}

function someNode(world: World): string | undefined {
  const names = world.fleet().vpn.nodes.map(({ name }) => name)
  return names.length === 0 ? undefined : world.random.pick(names)
}

const exists = (world: World, name: string) => world.docker.world().some((c) => c.name === name)

function onNode(act: (world: World, name: string) => void): Misadventure {
  return (world) => {
    const name = someNode(world)
    if (name !== undefined && exists(world, name)) act(world, name)
  }
}

function onEngine(act: (world: World, engine: WorldContainer) => void): Misadventure {
  return (world) => {
    const engine = someone(world)
    if (engine !== undefined) act(world, engine)
  }
}

type Labels = Readonly<Record<string, string>>

/** A container that nobody asked a controller for, in a place that concerns the fleet. */
function intrude(world: World, isOursByLabel: boolean): void {
  const { random, docker } = world
  const { name: fleet, replicas } = world.fleet()
  const node = someNode(world)
  const networkMode =
    node !== undefined && exists(world, node) && random.chance(0.8) ? `container:${node}` : 'bridge'
  const slot = random.pick([String(random.int(0, replicas)), 'forwarded'])
  const name = isOursByLabel
    ? random.pick([`acestream-${random.int(1, 99)}`, `${fleet}.${slot}`])
    : random.pick([`${fleet}.${slot}`, `other-${random.int(1, 99)}`])
  if (exists(world, name)) return
  const forwarded: Labels = random.chance(0.6) ? { 'acestream.forwarded': 'true' } : {}
  const mine: Labels = {
    'acefleet.instance': 'default',
    'acefleet.fleet': fleet,
    'acefleet.slot': slot,
    'acefleet.epoch': '1',
    'acestream.http_port': String(random.int(30_000, 31_000)),
  }
  const labels = { ...forwarded, ...(isOursByLabel ? mine : {}) }
  try {
    docker.place({ name, image: 'old:1', labels, networkMode, isStarted: random.chance(0.8) })
  } catch {
    // Its VPN node does not run: it stays created.
  }
}

/** A stranger takes a name in the very moment in which it is wanted. */
export function snatch(world: World, name: string): void {
  if (!exists(world, name)) world.docker.place({ name, image: 'other:1' })
}

/** The user's requests, as the API writes them. */
async function request(world: World): Promise<void> {
  const { random, store } = world
  const fleet = world.fleet().name
  const node = someNode(world)
  const engine = someone(world)
  if (random.chance(0.5) && engine !== undefined) {
    world.say('user', `drains ${engine.name}`)
    await store.addRequest(fleet, { kind: 'drainEngine', containerId: engine.id as ContainerId })
  } else if (node !== undefined && random.chance(0.5)) {
    world.say('user', `forwards to ${node}`)
    await store.addRequest(fleet, { kind: 'forward', node })
  } else if (node !== undefined && world.fleet().vpn.nodes.length > 1) {
    const kind = random.pick(['cordon', 'drainNode'] as const)
    world.say('user', `${kind} ${node}`)
    await store.addRequest(fleet, { kind, node })
    later(world, [2_000, 30_000], () => {
      world.say('user', `no ${kind} ${node}`)
      void store.removeRequest(fleet, { kind, node })
    })
  }
  for (const run of world.controllers()) run.wake(fleet)
}

const MISADVENTURES: Readonly<Record<string, Misadventure>> = {
  'engine dies': onEngine(({ docker, random }, { id }) =>
    docker.kill(id, random.pick([0, 1, 137])),
  ),
  'engine hangs': onEngine((world, { id }) => {
    world.engines.hang(id)
    if (world.random.chance(0.4))
      later(world, [500, 20_000], () => {
        if (world.engines.run(id)?.hungSince === undefined) return
        world.engines.wake(id)
        world.truth.onWake(id)
      })
  }),
  'engine loses its network': onEngine((world, { id }) => world.engines.cutOff(id)),
  'engine is removed': onEngine(({ docker }, { id }) => docker.destroy(id)),
  'engine is renamed': onEngine(({ docker, random }, { id }) => {
    if (random.chance(0.3)) docker.renameTo(id, `renamed-${random.int(1, 1_000_000)}`)
  }),
  'node restarts': onNode(({ docker }, name) => docker.restart(name)),
  'node stops': onNode((world, name) => {
    if (!isAlive(world.docker.container(name))) return
    world.docker.halt(name)
    later(world, [500, 40_000], () => revive(world, name))
  }),
  'node is recreated': onNode(({ docker }, name) => void docker.recreate(name)),
  'node is removed': onNode((world, name) => {
    world.docker.destroy(name)
    later(world, [500, 40_000], () => revive(world, name))
  }),
  'vpn stops': onNode((world, name) => {
    world.vpns.halt(name, world.random.pick(['stopped', 'crashed']))
    later(world, [500, 40_000], () => world.vpns.resume(name))
  }),
  'vpn server goes': onNode((world, name) => {
    const { vpns, random } = world
    vpns.freeze(name, random.pick([0, Infinity, random.int(20_000, 177_000)]))
    later(world, [500, 150_000], () => vpns.thaw(name))
  }),
  'vpn flaps': onNode((world, name) => {
    const { vpns, random, clock, pending } = world
    const [upMs, downMs] = [random.int(500, 20_000), random.int(500, 20_000)]
    const turn = (isUp: boolean) => {
      if (isUp) vpns.resume(name)
      else vpns.halt(name, 'crashed')
      pending.push(clock.timer(isUp ? upMs : downMs, () => turn(!isUp)))
    }
    turn(false)
  }),
  'control server away': onNode((world, name) => {
    world.vpns.setControl(name, world.random.pick(['away', 'refuses']))
    later(world, [500, 60_000], () => world.vpns.setControl(name, 'answers'))
  }),
  'port changes': onNode(({ vpns, random }, name) => vpns.offer(name, random.int(40_000, 60_000))),
  'port is stuck': onNode(({ vpns }, name) => vpns.stick(name)),
  'port flaps': onNode((world, name) => {
    const { offered } = world.vpns.tunnel(name)
    world.vpns.offer(name, 0)
    later(world, [100, 10_000], () => world.vpns.offer(name, offered))
  }),
  'port is lost': onNode((world, name) => {
    world.vpns.offer(name, 0)
    later(world, [500, 80_000], () => world.vpns.offer(name, world.random.int(40_000, 60_000)))
  }),
  'way to engines gone': (world) => {
    if (world.engines.wayGoneSince !== undefined) return
    world.engines.wayGoneSince = world.clock.now()
    later(world, [500, 25_000], () => wayBack(world))
  },
  'daemon away': (world) => {
    world.docker.setDown(true)
    later(world, [200, 20_000], () => world.docker.setDown(false))
  },
  'events cut': ({ docker }) => docker.cutEvents(),
  intruder: (world) => intrude(world, false),
  'older version': (world) => intrude(world, true),
  edit: (world) => world.rule(editFleet(world.fleet(), world.random).fleet),
  request,
  viewer: (world) => world.viewers.come(world.random.int(2_000, 60_000)),
  viewers: async (world) => {
    for (let i = 0; i < 5; i++) await world.viewers.come(world.random.int(2_000, 60_000))
  },
  ...LEASE_MISADVENTURES,
  ...STORE_MISADVENTURES,
  'controller dies': onController((_, run) => run.kill()),
  'controller ends': onController((_, run) => {
    if (run.process.state === 'running') void run.end()
  }),
  'controller is paused': onController((world, { process }) => {
    process.pause()
    later(world, [100, 20_000], () => process.resume(world.random.pick(['io', 'timers'])))
  }),
  'clock is set': onController((world, { process }) => {
    if (world.leases.servers.length === 0) return setHostClock(world, drawStep(world))
    const ms = drawStep(world)
    process.wallAheadMs += ms
    world.steppedMs += Math.abs(ms)
    world.say(process.name, `has its clock ${process.wallAheadMs} ms ahead`)
  }),
  'docker hangs for one': onController((world, { process: { name } }) => {
    world.say(name, 'gets no answer of the daemon')
    world.network.setDockerHung(name, true)
    later(world, [1_000, 40_000], () => world.network.setDockerHung(name, false))
  }),
  'controller is cut off': onController((world, { process: { name } }) => {
    const { network, random, leases } = world
    const peers = random.chance(0.3) ? PEERS : [random.pick(PEERS)]
    const servers = leases.servers.map((_, k) => k).filter(() => random.chance(0.5))
    world.say(name, `is cut off from ${peers}, lease servers ${servers}`)
    const set = (isCut: boolean) => {
      for (const peer of peers) network.setCut(name, peer, isCut)
      for (const k of servers) leases.setCut(name, k, isCut)
    }
    set(true)
    later(world, [200, 20_000], () => set(false))
  }),
}

const NAMES = Object.keys(MISADVENTURES)

function wayBack(world: World): void {
  if (world.engines.wayGoneSince === undefined) return
  world.engines.wayGoneSince = undefined
  world.truth.onWayBack()
}

/** Puts a node's container back, if need be, and running. */
function revive(world: World, name: string): void {
  const { docker } = world
  if (!exists(world, name)) docker.place({ name, image: 'gluetun', health: 'healthy' })
  else if (!isAlive(docker.container(name))) docker.startUp(name)
}

/** One thing happens. */
export async function befall(world: World, names: readonly string[] = NAMES): Promise<void> {
  const name = world.random.pick(names)
  world.say('world', `*** ${name}`)
  await MISADVENTURES[name]?.(world)
}

/** What a seed's weather is made of: some of all that can happen. */
export function drawNames(world: World): readonly string[] {
  const share = world.random.pick([0.15, 0.4, 1])
  const chosen = NAMES.filter(() => world.random.chance(share))
  return chosen.length === 0 ? NAMES : chosen
}

/** All faults and edits end: nodes run, ways are open, foreign containers in the fleet's names are gone. Clocks stay as they are. */
export async function calm(world: World): Promise<void> {
  const { docker, vpns, engines, memory, network, store, viewers } = world
  const fleet = world.fleet().name
  for (const timer of world.pending.splice(0)) timer[Symbol.dispose]()
  docker.setDown(false)
  mendLeases(world)
  memory.state = 'up'
  network.mend()
  wayBack(world)
  for (const { process } of world.controllers()) process.resume()
  world.restock()
  for (const { name } of world.fleet().vpn.nodes) {
    revive(world, name)
    vpns.resume(name)
    vpns.thaw(name)
    vpns.unstick(name)
    vpns.setControl(name, 'answers')
    // A node that has had a port is cured again and again where it has none: that is no rest.
    const isRestful = world.fleet().vpn.restartVpnAfterMs === 'never' && world.random.chance(0.3)
    if (vpns.tunnel(name).offered === 0 && !isRestful)
      vpns.offer(name, world.random.int(40_000, 60_000))
  }
  for (const each of docker.world()) {
    const holdsName = each.name.startsWith(`${fleet}.`) && !isOurs(each, fleet)
    if (holdsName) docker.destroy(each.id)
  }
  engines.weather = { dies: 0, isSlow: 0, neverComesUp: 0 }
  engines.joinAll()
  await viewers.leave()
  const { requests } = await store.readFleet(fleet, world.clock.now())
  for (const each of requests)
    if (each.kind !== 'drainEngine' && each.kind !== 'forward')
      await store.removeRequest(fleet, each)
}
