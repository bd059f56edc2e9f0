import fc from 'fast-check'
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

function resume(world: LeaseWorld, who: number, first: 'io' | 'timers'): void {
  const { client } = member(world, who)
  world.pausesAtSend.delete(client.process)
  client.machine.wake()
  client.process.resume(first)
}

const passing = fc
  .oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 400, max: 5_000 }))
  .map((ms) => mishap(`pass ${ms} ms`, (world) => world.pass(ms)))

const processes = [
  someone.map((who) => mishap(`pause ${who}`, (w) => member(w, who).client.process.pause())),
  someone.map((who) =>
    mishap(`pause ${who} when it asks`, (w) => w.pausesAtSend.add(member(w, who).client.process)),
  ),
  fc
    .tuple(someone, fc.constantFrom('io' as const, 'timers' as const))
    .map(([who, first]) => mishap(`resume ${who}, ${first} first`, (w) => resume(w, who, first))),
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
  someone.map((who) =>
    mishap(`cut ${who} off`, (w) => {
      for (let k = 0; k < w.world.servers; k++) member(w, who).links.cut(k)
    }),
  ),
  someone.map((who) =>
    mishap(`heal ${who}`, (w) => {
      for (let k = 0; k < w.world.servers; k++) member(w, who).links.heal(k)
    }),
  ),
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
    ...processes,
    ...network,
    ...servers,
    creating,
    ...(repertoire.stepsWalls ? stepping : []),
    ...(repertoire.suspends ? suspending : []),
    ...(repertoire.forgets ? forgetting : []),
    ...(repertoire.storeForgets ? [forgetStore] : []),
  ]
  const times = Array.from({ length: Math.ceil(mishaps.length / 2) }, () => passing)
  return fc.commands<object, LeaseWorld, true>([...times, ...mishaps], {
    maxCommands,
    size: 'max',
  })
}

/** Faults end: all run, all see all. What servers lost stays lost. */
export function endFaults(world: LeaseWorld): void {
  world.world.latencyMs = 20
  world.members.forEach(({ links }, who) => {
    for (let k = 0; k < world.world.servers; k++) {
      links.heal(k)
      links.loseReplies(k, 0)
    }
    resume(world, who, 'io')
  })
  for (const each of world.fakes.servers) {
    each.thaw()
    each.start()
    each.setPace(1)
  }
}
