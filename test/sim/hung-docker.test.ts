import { expect, it } from 'vitest'
import { isMutation } from '../../src/docker/answer.ts'
import { flaws, goalOf } from './converged.ts'
import { TIMING } from './lease-world.ts'
import { makeRandom } from './random.ts'
import { drawFleet } from './sim-fleet.ts'
import { isOurs } from './truth.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

/** What docs/reliability.md promises, from the hang to the next leader's first change, ms. */
const BOUND_MS = 2 * TIMING.ttlMs + 3_000

/** A fleet that is what its spec says, under three controllers. */
async function converged(seed: number): Promise<World> {
  const random = makeRandom(seed)
  const drawn = drawFleet(random.fork('fleet'))
  const fleet = { ...drawn, replicas: Math.max(2, drawn.replicas) }
  const world = await makeWorld({
    ...{ fleet, random: random.fork('world'), say: () => {}, bug: undefined },
    ...{ leaseServers: 3, size: 3 },
  })
  world.restock()
  const goal = goalOf(world)
  const isWhole = () => world.judge.leader !== undefined && flaws(goal).length === 0
  expect(await world.clock.runUntil(isWhole, 400_000), flaws(goal).join()).toBe(true)
  return world
}

/** Who holds the lease while so much time passes, one after another. */
async function holdersWithin(world: World, ms: number): Promise<readonly (string | undefined)[]> {
  const { clock, leases } = world
  const holders = [leases.holder()]
  const end = clock.monotonic() + ms
  while (clock.monotonic() < end) {
    await clock.advance(500)
    if (leases.holder() !== holders.at(-1)) holders.push(leases.holder())
  }
  return holders.filter((each) => each !== undefined)
}

it('a leader whose Docker hangs is followed by one whose does not, who acts in time (I1, I2, L1)', async () => {
  const took: number[] = []
  for (let seed = 1; seed <= 6; seed++) {
    await using world = await converged(seed)
    const { clock, docker, leases, network, judge, fleet, random } = world
    await clock.advance(random.int(0, 40_000))
    const name = leases.holder() ?? ''
    const before = docker.calls.length
    const hungAt = clock.monotonic()
    network.setDockerHung(name, true)
    await clock.advance(random.int(0, 3_000))
    const engine = docker.world().find((each) => isOurs(each, fleet().name) && isAlive(each))
    docker.destroy(engine?.id ?? '')
    const hasActed = () =>
      docker.calls.slice(before).some(({ by, verb }) => by !== name && isMutation(verb))
    await clock.runUntil(hasActed, 60_000)
    took.push(clock.monotonic() - hungAt)
    expect(took.at(-1), `seed ${seed}`).toBeLessThanOrEqual(BOUND_MS)
    const goal = goalOf(world)
    expect(await clock.runUntil(() => flaws(goal).length === 0, 120_000), `seed ${seed}`).toBe(true)
    expect(leases.holder()).not.toBe(name)
    network.mend()
    await clock.advance(60_000)
    expect(leases.holder()).not.toBe(name)
    expect(judge.violations).toEqual([])
  }
})

it('a daemon that hangs for everybody leaves the lease where it is, or has it move once', async () => {
  for (let seed = 1; seed <= 3; seed++) {
    await using world = await converged(seed)
    const { clock, network, judge, fleet, docker, random } = world
    await clock.advance(random.int(0, 40_000))
    for (const { process } of world.controllers()) network.setDockerHung(process.name, true)
    const holders = await holdersWithin(world, 120_000)
    expect(holders.length, `seed ${seed}: ${holders}`).toBeLessThanOrEqual(2)
    network.mend()
    const engine = docker.world().find((each) => isOurs(each, fleet().name) && isAlive(each))
    docker.destroy(engine?.id ?? '')
    const goal = goalOf(world)
    await clock.advance(1_000)
    expect(await clock.runUntil(() => flaws(goal).length === 0, 120_000), `seed ${seed}`).toBe(true)
    expect(judge.violations).toEqual([])
  }
})

it('a daemon that is slow for everybody does not have the lease go round and round (L1)', async () => {
  for (const slowMs of [4_000, 11_000, 40_000]) {
    await using world = await converged(7)
    const { clock, judge } = world
    world.fate.docker = ({ verb }) =>
      verb === 'list' ? { kind: 'slow', replyMs: slowMs } : undefined
    // Without growing patience it would move a hundred times.
    const holders = await holdersWithin(world, 20 * 60_000)
    expect(holders.length, `lists take ${slowMs} ms`).toBeLessThanOrEqual(12)
    world.fate.docker = () => undefined
    const goal = goalOf(world)
    await clock.advance(60_000)
    expect(flaws(goal)).toEqual([])
    expect(judge.violations).toEqual([])
  }
})
