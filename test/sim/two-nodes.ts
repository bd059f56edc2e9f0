import type { Bug } from './bug.ts'
import { flaws, goalOf } from './converged.ts'
import { expectServed } from './forwarded-loss.ts'
import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { convergeAndRest } from './simulation.ts'
import { makeWorld, type World } from './world.ts'

const NAMES = { a: 'gluetun-a', b: 'gluetun-b' } as const
export type Letter = keyof typeof NAMES

/** How a node fails, and returns. */
interface Failure {
  readonly begin: (world: World, name: string) => void
  readonly end: (world: World, name: string) => void
}

const FAILURES = {
  'its container stops': {
    begin: ({ docker }, name) => docker.halt(name),
    end: ({ docker }, name) => docker.startUp(name),
  },
  'its tunnel freezes': {
    begin: ({ vpns }, name) => vpns.freeze(name, Infinity),
    end: ({ vpns }, name) => vpns.thaw(name),
  },
  'its VPN stops': {
    begin: ({ vpns }, name) => vpns.halt(name, 'stopped'),
    end: ({ vpns }, name) => vpns.resume(name),
  },
  'it turns unhealthy': {
    begin: ({ vpns }, name) => vpns.freeze(name, 0),
    end: ({ vpns }, name) => vpns.thaw(name),
  },
} as const satisfies Readonly<Record<string, Failure>>

export type FailureKind = keyof typeof FAILURES
export const FAILURE_KINDS = Object.keys(FAILURES) as readonly FailureKind[]

export interface Turn {
  readonly node: Letter
  readonly what: 'fails' | 'returns'
}

/** All orders in which two nodes fail and return, each once: every interleaving of two pairs. */
export const ORDERS: readonly (readonly Turn[])[] = (() => {
  const turn = (text: string): Turn => {
    const [node, what] = text.split(' ') as [Letter, Turn['what']]
    return { node, what }
  }
  const weave = (left: readonly Turn[], right: readonly Turn[]): readonly (readonly Turn[])[] => {
    const [l, ...ls] = left
    const [r, ...rs] = right
    if (l === undefined) return [right]
    if (r === undefined) return [left]
    return [
      ...weave(ls, right).map((rest) => [l, ...rest]),
      ...weave(left, rs).map((rest) => [r, ...rest]),
    ]
  }
  const pair = (node: Letter) => [turn(`${node} fails`), turn(`${node} returns`)]
  return weave(pair('a'), pair('b'))
})()

export interface Course {
  readonly order: readonly Turn[]
  readonly kinds: Readonly<Record<Letter, FailureKind>>
  /** Where the forwarded engine sits when it begins. */
  readonly forwardedOn: Letter
  /** From one turn to the next: within the grace, or long enough for all that follows from a turn. */
  readonly pace: 'quick' | 'slow'
  readonly bug?: Bug
}

export function nameOf({ order, kinds, forwardedOn, pace }: Course): string {
  const turns = order.map(({ node, what }) => `${node} ${what}`).join(', ')
  return `${pace}: ${turns}; a: ${kinds.a}; b: ${kinds.b}; forwarded on ${forwardedOn}`
}

/** Until new engines' words count (SETTLING_MS in src/vpn/engine-words.ts), ms. */
const SETTLED_MS = 32_000
/** Within the grace of the fleet, which is 5 s, ms. */
const QUICK_MS = 2_000
/** Judged, past its grace, and engines moved; a dead tunnel is judged by its engines 40 s after their first words, ms. */
const SLOW_MS = { plain: 25_000, frozen: 60_000 }
const REST_MS = 6_000
/** A tunnel that its engines called dead, and of which none is left, is tried again so much later, ms. */
const RETRY_MS = 62_000

const isFrozen = ({ kinds }: Course, node: Letter) => kinds[node] === 'its tunnel freezes'
const freezes = (course: Course) => isFrozen(course, 'a') || isFrozen(course, 'b')

/** Four engines on two nodes; the forwarded one is where it should be. */
async function begin(world: World, course: Course): Promise<void> {
  const { vpns, clock, judge } = world
  const { forwardedOn, pace } = course
  const other = forwardedOn === 'a' ? 'b' : 'a'
  const { offered } = vpns.tunnel(NAMES[other])
  vpns.offer(NAMES[other], 0)
  world.restock()
  const isThere = () => flaws(goalOf(world)).length === 0
  if (!(await clock.runUntil(isThere, 60_000))) judge.violations.push('L1: it did not come up')
  vpns.offer(NAMES[other], offered)
  await clock.advance(freezes(course) && pace === 'slow' ? SETTLED_MS : QUICK_MS)
}

/** What the controller says while every node is down. */
async function tellsOfOutage(world: World, course: Course): Promise<void> {
  const { store, judge } = world
  const status = (await store.statuses()).find(({ fleet }) => fleet === world.fleet().name)
  const told = status?.conditions.filter(({ type }) => type === 'VpnNotReady') ?? []
  for (const node of ['a', 'b'] as const) {
    // Of a frozen tunnel it may know nothing: engines' words are all that it has.
    if (isFrozen(course, node)) continue
    if (!told.some(({ message }) => message.includes(NAMES[node])))
      judge.violations.push(`no condition tells that ${NAMES[node]} is not ready`)
    const endpoints = await store.endpoints(world.fleet().name)
    if (endpoints.some(({ vpn, ready }) => vpn === NAMES[node] && ready))
      judge.violations.push(`an engine on ${NAMES[node]} is offered for claims`)
  }
}

/**
 * With every node down nothing is created and nothing goes. Only a frozen tunnel that nobody is left to speak for is
 * tried again, as it cannot be known to be frozen still.
 */
function judgeIdleness(world: World, course: Course, from: number): void {
  const { docker, judge } = world
  if (freezes(course)) return
  for (const { verb, container } of docker.history.slice(from))
    if (['create', 'start', 'stop', 'remove'].includes(verb))
      judge.violations.push(`I9: ${verb} of ${container.name} while every node is down`)
}

async function play(world: World, course: Course): Promise<void> {
  const { clock, judge, docker, say } = world
  const slowMs = freezes(course) ? SLOW_MS.frozen : SLOW_MS.plain
  const down = new Set<Letter>()
  for (const { node, what } of course.order) {
    say('world', `*** ${node} ${what}`)
    const from = docker.history.length
    const failure: Failure = FAILURES[course.kinds[node]]
    if (what === 'fails') failure.begin(world, NAMES[node])
    else failure.end(world, NAMES[node])
    if (what === 'fails') down.add(node)
    else down.delete(node)
    if (course.pace === 'quick') {
      await clock.advance(QUICK_MS)
      continue
    }
    await clock.runUntil(() => judge.violations.length > 0, slowMs)
    if (down.size < 2) continue
    judgeIdleness(world, course, from)
    await tellsOfOutage(world, course)
  }
}

/** How two nodes failed and returned; empty violations when all was kept. */
export async function failAndReturn(
  course: Course,
): Promise<{ readonly violations: readonly string[]; readonly trace: readonly string[] }> {
  const trace: string[] = []
  const { vpn, engine, ...fleet } = twoNodes()
  const health = { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 }
  let ms = () => 0
  await using world = await makeWorld({
    fleet: {
      ...{ ...fleet, replicas: 4, vpn: { ...vpn, downGraceMs: 5_000 } },
      engine: { ...engine, image: 'engine:1', health },
      forwarding: { ...fleet.forwarding, portGraceMs: 300_000 },
    },
    random: makeRandom(3),
    say: (who, line) => void trace.push(`${ms()} ${who} ${line}`),
    bug: course.bug,
    leaseServers: 0,
  })
  const { judge, clock } = world
  ms = clock.monotonic
  await begin(world, course)
  if (judge.violations.length === 0) await play(world, course)
  const mayBeCondemned = course.pace === 'slow' && freezes(course)
  const judgedAt = clock.monotonic() + (mayBeCondemned ? RETRY_MS : 0)
  if (judge.violations.length === 0) await expectServed(world, judgedAt, nameOf(course))
  if (judge.violations.length === 0) await convergeAndRest(world, REST_MS)
  return { violations: judge.violations, trace }
}
