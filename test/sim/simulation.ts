import type { Bug } from './bug.ts'
import { flaws, goalOf } from './converged.ts'
import { fellLeader } from './failover.ts'
import { loseForwarded } from './forwarded-loss.ts'
import { befall, calm, drawNames, snatch } from './misadventures.ts'
import { drawClimate, makeMisfortune } from './misfortune.ts'
import { makeRandom } from './random.ts'
import { drawFleet, lastEdit } from './sim-fleet.ts'
import { makeWorld, type World } from './world.ts'

/**
 * Virtual time within which a fleet must have converged once all is calm: the back-off that a storm's failures can add up
 * to (64 s, and as much again for what dies of them), a hold of 60 s, a start timeout and a drain, twice.
 */
const CONVERGE_MS = 400_000
/** So long it must have been what the spec says before it counts as converged. */
const STEADY_MS = 3_000
/** More than one resync. */
const REST_MS = 36_000
const LOOK_MS = 1_000
/** More than it takes to replace and then to roll and to move every one of at most eight engines: what begins and undoes. */
const MOST_CREATES = 30
/** Wake-ups meanwhile, beside the resync. */
const WAKES = 3
/** What those, and what falls due by time alone, may cost each controller. */
const MOST_LISTS = 12

export interface SimulationOptions {
  readonly seed: number
  readonly isTraced?: boolean
  readonly bug?: Bug | undefined
}

export interface Outcome {
  readonly seed: number
  /** Empty when every invariant held. */
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  /** Virtual ms. */
  readonly tookMs: number
}

function stamp(ms: number): string {
  return `${(ms / 1000).toFixed(3).padStart(9)}s`
}

/** Runs one seed from beginning to end. The same seed gives the same run. */
export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const { seed, isTraced = false, bug } = options
  const random = makeRandom(seed)
  const trace: string[] = []
  const fleet = drawFleet(random.fork('fleet'))
  let clock: World['clock'] | undefined
  const say = isTraced
    ? (who: string, line: string) =>
        void trace.push(`${stamp(clock?.monotonic() ?? 0)} ${who.padEnd(13)} ${line}`)
    : () => {}
  const leaseServers = random.pick([0, 0, 1, 1, 3])
  const size = leaseServers === 0 ? 1 : random.pick([1, 2, 2, 3])
  await using world = await makeWorld({
    ...{ fleet, random: random.fork('world'), say, bug, leaseServers, size },
  })
  clock = world.clock
  say('seed', `${seed}: ${JSON.stringify(fleet)}`)
  await storm(world, seed)
  if (world.judge.violations.length === 0) await convergeAndRest(world)
  const loses = world.controllers().length > 1 && random.chance(0.5) ? fellLeader : loseForwarded
  if (world.judge.violations.length === 0) await loses(world)
  const tookMs = world.clock.monotonic()
  return { seed, violations: world.judge.violations, trace, tookMs }
}

const isOver = (world: World) => () => world.judge.violations.length > 0

/** Runs virtual time, but not beyond a violation. */
async function run(world: World, ms: number): Promise<void> {
  await world.clock.runUntil(isOver(world), ms)
}

/** A time of faults and edits. */
async function storm(world: World, seed: number): Promise<void> {
  const random = makeRandom(seed).fork('storm')
  const climate = drawClimate(random)
  const misfortune = makeMisfortune(climate, random.fork('misfortune'))
  world.say('seed', JSON.stringify({ ...climate, leaseServers: world.leases.servers.length }))
  world.restock()
  if (random.chance(0.5)) await run(world, random.int(0, 20_000))
  world.fate = {
    docker: (call) => {
      if (call.verb === 'create' && misfortune.snatches()) snatch(world, call.target)
      return misfortune.docker(call)
    },
    store: misfortune.store,
    storeLatencyMs: () =>
      climate.storeLatencyMs === 0 ? 0 : random.int(0, climate.storeLatencyMs),
    crash: misfortune.crash,
    pausesAtLook: misfortune.pausesAtLook,
  }
  world.docker.eventFate = misfortune.event
  if (random.chance(0.5)) world.engines.weather = { dies: 0.1, isSlow: 0.15, neverComesUp: 0.05 }
  const names = drawNames(world)
  const audience = random.pick([0, 0.5, 1])
  const pauseMs = random.pick([1_000, 5_000, 12_000])
  const end = world.clock.monotonic() + random.int(5_000, 60_000)
  while (world.clock.monotonic() < end && !isOver(world)()) {
    await befall(world, names)
    if (random.chance(audience)) await world.viewers.come(random.int(2_000, 60_000))
    await run(world, random.int(1, pauseMs))
    if (random.chance(0.5)) await run(world, random.int(10, 3_000))
    world.restock()
  }
  world.fate = {
    docker: () => undefined,
    store: () => undefined,
    storeLatencyMs: world.fate.storeLatencyMs,
    crash: () => undefined,
    pausesAtLook: () => false,
  }
  world.docker.eventFate = () => undefined
  world.say('world', '*** faults and edits end')
  await calm(world)
  const last = lastEdit(world.fleet())
  if (last !== world.fleet()) world.rule(last)
}

/** What users asked for and has not been done. */
async function askedFor({ store, clock, fleet }: World): Promise<readonly string[]> {
  const { requests } = await store.readFleet(fleet().name, clock.now())
  return requests.map(({ kind }) => `${kind} was asked for`)
}

/** What keeps the controllers from being one that leads, and others that stand by. */
function leaderless({ leases, judge, controllers }: World): readonly string[] {
  const holder = leases.holder()
  const lives = controllers().some(({ process }) => process.name === holder)
  if (holder === undefined || !lives) return ['nobody who lives holds the lease']
  return holder === judge.leader ? [] : [`${holder} holds the lease and has begun no term`]
}

/** L1: the fleet reaches the spec and stays there; further passes change nothing. */
export async function convergeAndRest(world: World, restMs = REST_MS): Promise<void> {
  const goal = goalOf(world)
  const limitMs = CONVERGE_MS + world.steppedMs
  const end = world.clock.monotonic() + limitMs
  const settled = () => Math.max(world.lateUntil(), world.vpns.settledAt)
  const before = world.docker.history.length
  let since = Infinity
  let wrong: readonly string[] = []
  while (!isOver(world)() && world.clock.monotonic() < end) {
    wrong = [...flaws(goal), ...leaderless(world), ...(await askedFor(world))]
    if (wrong.length > 0) since = Infinity
    else since = Math.max(settled(), Math.min(since, world.clock.monotonic()))
    if (world.clock.monotonic() - since >= STEADY_MS) break
    await run(world, LOOK_MS)
  }
  if (isOver(world)()) return
  if (wrong.length > 0) {
    world.judge.violations.push(`L1: not converged after ${limitMs / 1000} s: ${wrong.join('; ')}`)
    return
  }
  world.say('world', '*** converged')
  const creates = world.docker.history.slice(before).filter(({ verb }) => verb === 'create').length
  if (creates > MOST_CREATES)
    world.judge.violations.push(`L1: ${creates} creates on the way to ${world.fleet().replicas}`)
  await rest(world, restMs)
  for (const flaw of [...flaws(goal), ...leaderless(world)])
    world.judge.violations.push(`L1: ${flaw} after it had converged`)
}

/** L1: passes over a converged fleet change nothing, in the world or in the store, and do not bring on one another. */
async function rest(world: World, restMs: number): Promise<void> {
  const { docker, judge } = world
  const effects = docker.history.length
  const calls = docker.calls.length
  const writes = judge.writes.length
  for (let i = 0; i < WAKES; i++) {
    await run(world, restMs / WAKES)
    for (const each of world.controllers()) each.wake(world.fleet().name)
  }
  for (const { verb, container } of docker.history.slice(effects))
    judge.violations.push(`L1: ${verb} of ${container.name} after the fleet had converged`)
  for (const write of judge.writes.slice(writes))
    judge.violations.push(`L1: ${write} in the store after the fleet had converged`)
  const lists = docker.calls.slice(calls).filter(({ verb }) => verb === 'list').length
  if (lists > MOST_LISTS * world.controllers().length)
    judge.violations.push(`L1: ${lists} lists while nothing happened`)
}
