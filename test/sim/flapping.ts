import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { convergeAndRest } from './simulation.ts'
import { isOurs } from './truth.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

const FLAPPING = 'gluetun-a'
const REPLICAS = 4
/** Engines' start and the port of their node, ms. */
const BEGIN_MS = 20_000

/** When a node that is up falls, and one that is down comes back. */
export interface Rate {
  readonly downMs: number
  /** `used`: as soon as an engine is there again, so that each must move; that is the worst it can do. */
  readonly upMs: number | 'used'
}

export interface FlappingRun {
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  /** How often it fell. */
  readonly falls: number
  /** Engines that were created after the fleet had come up, until it flapped no more. */
  readonly created: number
  /** The longest that the status said it would not be preferred, ms from then; and the reasons that it gave. */
  readonly longestHoldMs: number
  readonly reasons: ReadonlySet<string>
}

/** Engines that live on the flapping node. */
function load({ docker, fleet }: World): number {
  const { id } = docker.container(FLAPPING)
  const isThere = (mode: string) => mode === `container:${id}`
  return docker
    .world()
    .filter((each) => isOurs(each, fleet().name) && isAlive(each) && isThere(each.networkMode))
    .length
}

/** What the published status says of it. */
async function statusOf({ store, fleet }: World) {
  const status = (await store.statuses()).find((each) => each.fleet === fleet().name)
  return status?.vpns.find(({ name }) => name === FLAPPING)
}

/** One of two nodes falls and comes back at a rate for so long; then it stands. */
export async function flap(rate: Rate, forMs: number): Promise<FlappingRun> {
  const trace: string[] = []
  const reasons = new Set<string>()
  let [ms, falls, longestHoldMs] = [() => 0, 0, 0]
  const { vpn, forwarding, ...rest } = twoNodes()
  await using world = await makeWorld({
    fleet: {
      ...{ ...rest, replicas: REPLICAS, vpn: { ...vpn, downGraceMs: 5_000 } },
      forwarding: { ...forwarding, portGraceMs: 300_000 },
    },
    random: makeRandom(5),
    say: (who, line) => void trace.push(`${ms()} ${who} ${line}`),
    bug: undefined,
    leaseServers: 0,
  })
  const { clock, vpns, docker, judge } = world
  ms = clock.monotonic
  const isOver = () => judge.violations.length > 0
  world.restock()
  await clock.advance(BEGIN_MS)
  const before = docker.history.length
  const end = clock.monotonic() + forMs
  while (clock.monotonic() < end && !isOver()) {
    vpns.halt(FLAPPING, 'crashed')
    falls += 1
    await clock.runUntil(isOver, rate.downMs)
    vpns.resume(FLAPPING)
    if (rate.upMs === 'used')
      await clock.runUntil(() => load(world) > 0 || clock.monotonic() >= end, forMs)
    else await clock.runUntil(isOver, rate.upMs)
    const { reason = '', message = '' } = (await statusOf(world)) ?? {}
    reasons.add(reason)
    const [, until] = message.match(/until (\S+)$/) ?? []
    if (until !== undefined)
      longestHoldMs = Math.max(longestHoldMs, Date.parse(until) - clock.now())
  }
  const created = docker.history
    .slice(before)
    .filter(({ verb, container }) => verb === 'create' && isOurs(container, rest.name)).length
  if (!isOver()) await convergeAndRest(world, 6_000)
  return { violations: judge.violations, trace, falls, created, longestHoldMs, reasons }
}
