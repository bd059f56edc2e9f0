import { goalOf, unserved } from './converged.ts'
import type { WorldContainer } from './fake-docker.ts'
import { isOurs } from './truth.ts'
import type { World } from './world.ts'
import { isAlive } from './world-container.ts'

/** DESIGN L2, ms. */
const L2_MS = 10_000
/** How long a node may take to connect and be granted a port, ms: until then nothing can be promised. */
const CONNECT_MS = 20_000
const STEP_MS = 250
/** So long all must have been well before the loss counts as mended: longer than a node takes to be granted a port, ms. */
const STEADY_MS = 8_000

type Loss = (world: World, engine: WorldContainer, node: string) => number | Promise<number>

/** Ways to lose a forwarded engine; each answers how long its loss takes to be judged, ms. */
const LOSSES: Readonly<Record<string, Loss>> = {
  'its port changes': ({ vpns, random }, _, node) => {
    vpns.offer(node, random.int(20_500, 39_000))
    return 0
  },
  'it is removed': ({ docker }, { id }) => {
    docker.destroy(id)
    return 0
  },
  'its node restarts': ({ docker }, _, node) => {
    docker.restart(node)
    return 0
  },
  'its node is recreated': ({ docker }, _, node) => {
    docker.recreate(node)
    return 0
  },
  'its node stops': (world, _, node) => {
    world.docker.halt(node)
    return world.fleet().vpn.downGraceMs
  },
  'it dies': async ({ docker, store, fleet, clock, random }, { id, labels }) => {
    // What failed before waits its back-off; only a first failure is replaced at once.
    const { backoff } = await store.readFleet(fleet().name, clock.now())
    if (!backoff.has(labels['acefleet.slot'] ?? '')) docker.kill(id, random.pick([0, 1, 137]))
    return 0
  },
}

/**
 * L2: in a converged fleet the forwarded engine is lost in one of many ways, at any point of a pass. From the moment at
 * which the loss is judged and a node has a port, a ready one must listen on its node's current port within 10 s. That
 * the old one goes first is the controller's own doing, so no time is allowed for it.
 */
export async function loseForwarded(world: World): Promise<void> {
  const { docker, clock, random, say } = world
  const fleet = world.fleet()
  const isForwarded = (each: WorldContainer) =>
    isOurs(each, fleet.name) && isAlive(each) && each.labels['acestream.forwarded'] === 'true'
  const held = docker.world().filter(isForwarded)
  if (held.length === 0) return
  const engine = random.pick(held)
  const owner = docker.world().find(({ id }) => engine.networkMode === `container:${id}`)
  if (owner === undefined) return
  const how = random.pick(Object.keys(LOSSES))
  await clock.runUntil(() => false, random.int(0, 3_000))
  say('world', `*** ${engine.name} is lost: ${how}`)
  const judgedAt = clock.monotonic() + ((await LOSSES[how]?.(world, engine, owner.name)) ?? 0)

  await expectServed(world, judgedAt, how)
}

/**
 * L2: from the moment at which a loss is judged (monotonic ms) and a node has a port, a ready forwarded engine must
 * listen on its node's current port within 10 s.
 */
export async function expectServed(world: World, judgedAt: number, how: string): Promise<void> {
  const { clock, judge } = world
  let dueAt = Infinity
  let wellSince = Infinity
  const giveUpAt = judgedAt + CONNECT_MS + L2_MS
  while (clock.monotonic() < giveUpAt && judge.violations.length === 0) {
    await clock.runUntil(() => judge.violations.length > 0, STEP_MS)
    const missing = unserved(goalOf(world))
    wellSince = missing.length === 0 ? Math.min(wellSince, clock.monotonic()) : Infinity
    if (clock.monotonic() - Math.max(wellSince, judgedAt) > STEADY_MS) return
    if (missing.length === 0) dueAt = Infinity
    else dueAt = Math.min(dueAt, Math.max(clock.monotonic(), judgedAt) + L2_MS)
    if (clock.monotonic() <= dueAt) continue
    judge.violations.push(`L2: ${how}, and ${missing.join(', ')} has none after ${L2_MS / 1000} s`)
  }
}
