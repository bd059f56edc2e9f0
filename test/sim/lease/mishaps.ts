import fc from 'fast-check'
import { TIMING } from './lease-client.ts'
import type { LeaseWorld } from './lease-world.ts'

/** One thing that happens. Printed as it is written when a property fails. */
type Mishap = fc.AsyncCommand<object, LeaseWorld>

function mishap(name: string, run: (world: LeaseWorld) => unknown): Mishap {
  return {
    check: () => true,
    toString: () => name,
    async run(_, world) {
      await run(world)
      world.check()
    },
  }
}

/** What may happen beside the passing of time. */
export interface Repertoire {
  /** Wall clocks of clients are stepped. */
  readonly stepsWalls?: boolean
  /** Machines of clients are suspended: their monotonic clocks stand still. */
  readonly suspends?: boolean
  /** Servers lose what they knew, or their clocks are stepped. */
  readonly forgets?: boolean
  readonly storeForgets?: boolean
}

const someone = fc.nat(2)
const somewhere = fc.nat(4)

const member = (world: LeaseWorld, index: number) => {
  const found = world.members[index % world.members.length]
  if (found === undefined) throw new Error('there are no clients')
  return found
}
const server = (world: LeaseWorld, index: number) => {
  const found = world.fakes.servers[index % world.fakes.servers.length]
  if (found === undefined) throw new Error('there are no servers')
  return found
}

/** How a process goes on after a pause. */
interface Awakening {
  readonly first: 'io' | 'timers'
  /** Whether it asks for its right before anything that waited has come in. That question alone ends a tenure. */
  readonly isAsked: boolean
}

const anyAwakening: fc.Arbitrary<Awakening> = fc
  .record({ first: fc.constantFrom('io', 'timers'), isAsked: fc.boolean() })
  .map((how) => ({
    ...how,
    toString: () => `${how.first} first${how.isAsked ? ', asked before' : ''}`,
  }))

async function resume(world: LeaseWorld, who: number, how: Awakening): Promise<void> {
  const { client } = member(world, who)
  world.pausesAtSend.delete(client.process)
  client.machine.wake()
  client.process.resume(how.first)
  if (!how.isAsked) await world.clock.advance(0)
}

const passing = fc
  .oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 400, max: 5_000 }))
  .map((ms) => mishap(`pass ${ms} ms`, (world) => world.pass(ms)))

/** Around what a lease lives, mostly: that is where it is decided. */
const anyWhile = fc.oneof(
  fc.integer({ min: 2_000, max: 8_000 }),
  fc.integer({ min: 50, max: 12_000 }),
)

function cutOff(world: LeaseWorld, who: number): void {
  for (let k = 0; k < world.world.servers; k++) member(world, who).links.cut(k)
}

function heal(world: LeaseWorld, who: number): void {
  for (let k = 0; k < world.world.servers; k++) member(world, who).links.heal(k)
}

async function pauseWhenAsking(world: LeaseWorld, who: number, ms: number): Promise<void> {
  const { process } = member(world, who).client
  world.pausesAtSend.add(process)
  await world.passUntil(() => process.state !== 'running', TIMING.renewMs * 2)
  await world.pass(ms)
}

/** What begins and ends: left to chance alone, most of the world would soon stand still. */
const spells = [
  fc.tuple(someone, anyWhile, anyAwakening).map(([who, ms, how]) =>
    mishap(`pause ${who} for ${ms} ms, then ${how}`, async (w) => {
      member(w, who).client.process.pause()
      await w.pass(ms)
      await resume(w, who, how)
    }),
  ),
  fc.tuple(someone, anyWhile, anyAwakening).map(([who, ms, how]) =>
    mishap(`pause ${who} for ${ms} ms when it asks, then ${how}`, async (w) => {
      await pauseWhenAsking(w, who, ms)
      await resume(w, who, how)
    }),
  ),
  fc.tuple(someone, fc.integer({ min: 500, max: 5_000 }), anyAwakening).map(([who, ms, how]) =>
    mishap(`pause ${who} for ${ms} ms when it asks, cut it off, then ${how}`, async (w) => {
      await pauseWhenAsking(w, who, ms)
      cutOff(w, who)
      await resume(w, who, how)
      await w.pass(TIMING.ttlMs)
      heal(w, who)
    }),
  ),
  fc.tuple(someone, anyWhile).map(([who, ms]) =>
    mishap(`cut ${who} off for ${ms} ms`, async (w) => {
      cutOff(w, who)
      await w.pass(ms)
      heal(w, who)
    }),
  ),
  fc.tuple(somewhere, somewhere, anyWhile).map(([a, b, ms]) =>
    mishap(`freeze servers ${a} and ${b} for ${ms} ms`, async (w) => {
      for (const k of [a, b]) server(w, k).freeze()
      await w.pass(ms)
      for (const k of [a, b]) server(w, k).thaw()
    }),
  ),
]

const processes = [
  someone.map((who) => mishap(`pause ${who}`, (w) => member(w, who).client.process.pause())),
  someone.map((who) =>
    mishap(`pause ${who} when it asks`, (w) => w.pausesAtSend.add(member(w, who).client.process)),
  ),
  fc
    .tuple(someone, anyAwakening)
    .map(([who, how]) => mishap(`resume ${who}, ${how}`, (w) => resume(w, who, how))),
  someone.map((who) => mishap(`crash ${who}`, (w) => w.crash(who % w.members.length))),
  someone.map((who) =>
    mishap(`release ${who}`, (w) => {
      const { client } = member(w, who)
      if (client.process.state === 'running') void client.tenures.at(-1)?.release()
    }),
  ),
]

const network = [
  fc
    .tuple(someone, somewhere)
    .map(([who, k]) =>
      mishap(`cut ${who} from ${k}`, (w) => member(w, who).links.cut(k % w.world.servers)),
    ),
  someone.map((who) => mishap(`cut ${who} off`, (w) => cutOff(w, who))),
  someone.map((who) => mishap(`heal ${who}`, (w) => heal(w, who))),
  fc
    .tuple(someone, somewhere, fc.integer({ min: 1, max: 3 }))
    .map(([who, k, count]) =>
      mishap(`lose ${count} replies of ${k} to ${who}`, (w) =>
        member(w, who).links.loseReplies(k % w.world.servers, count),
      ),
    ),
  fc.constantFrom(2, 20, 150, 500).map((ms) =>
    mishap(`latency ${ms} ms`, (w) => {
      w.world.latencyMs = ms
    }),
  ),
]

const servers = [
  somewhere.map((k) => mishap(`freeze server ${k}`, (w) => server(w, k).freeze())),
  somewhere.map((k) => mishap(`thaw server ${k}`, (w) => server(w, k).thaw())),
  fc
    .tuple(somewhere, fc.constantFrom(0.97, 1, 1.03))
    .map(([k, pace]) => mishap(`pace of server ${k}: ${pace}`, (w) => server(w, k).setPace(pace))),
]

const forgetting = [
  somewhere.map((k) => mishap(`kill server ${k}`, (w) => server(w, k).kill())),
  somewhere.map((k) => mishap(`start server ${k}`, (w) => server(w, k).start())),
  somewhere.map((k) => mishap(`flush server ${k}`, (w) => server(w, k).flush())),
  fc.tuple(somewhere, fc.integer({ min: -3_000, max: 10_000 })).map(([k, ms]) =>
    mishap(`step server ${k} by ${ms} ms`, (w) => {
      w.world.steppedBackMs += Math.max(0, -ms)
      server(w, k).stepClock(ms)
    }),
  ),
]

const anyStep = fc.oneof(
  fc.integer({ min: -6_000, max: 6_000 }),
  fc.constantFrom(-3_600_000, 3_600_000),
)

const stepping = [
  fc
    .tuple(someone, anyStep)
    .map(([who, ms]) =>
      mishap(`step the wall clock of ${who} by ${ms} ms`, (w) =>
        member(w, who).client.machine.stepWall(ms),
      ),
    ),
]

const suspending = [
  someone.map((who) =>
    mishap(`suspend the machine of ${who}`, (w) => {
      const { client } = member(w, who)
      client.process.pause()
      client.machine.suspend()
    }),
  ),
]

const forgetStore = fc.constant(
  mishap('the store forgets', (w) => {
    w.world.storedEpoch = 0
  }),
)

const creating = fc.constant(
  mishap('the leader creates', (w) => {
    for (const { client } of w.members)
      if (client.process.state === 'running')
        w.world.largestLabel = Math.max(w.world.largestLabel, client.epoch ?? 0)
  }),
)

/** Histories. Time passes in a third of the steps. */
export function histories(repertoire: Repertoire, maxCommands = 60) {
  const mishaps = [
    ...spells,
    ...spells,
    ...processes,
    ...network,
    ...servers,
    creating,
    ...(repertoire.stepsWalls ? [...stepping, ...stepping] : []),
    ...(repertoire.suspends ? suspending : []),
    ...(repertoire.forgets ? forgetting : []),
    ...(repertoire.storeForgets ? [forgetStore, forgetStore, forgetStore] : []),
  ]
  const times = Array.from({ length: Math.ceil(mishaps.length / 2) }, () => passing)
  return fc.commands<object, LeaseWorld, false>([...times, ...mishaps], {
    maxCommands,
    size: 'max',
  })
}

/** Faults end: all run, all see all. What servers lost stays lost. */
export async function endFaults(world: LeaseWorld): Promise<void> {
  world.world.latencyMs = 20
  for (const [who, { links }] of world.members.entries()) {
    for (let k = 0; k < world.world.servers; k++) links.loseReplies(k, 0)
    heal(world, who)
    await resume(world, who, { first: 'io', isAsked: false })
  }
  for (const each of world.fakes.servers) {
    each.thaw()
    each.start()
    each.setPace(1)
  }
}
