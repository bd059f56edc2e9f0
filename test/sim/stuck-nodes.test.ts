import { expect, it } from 'vitest'
import { flaws, goalOf } from './converged.ts'
import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { makeWorld, type World } from './world.ts'

const NAMES = ['gluetun-a', 'gluetun-b'] as const

/** Two nodes that have their VPN restarted when they are down or without a port for 5 s. */
function stuckWorld(say: (who: string, line: string) => void = () => {}): Promise<World> {
  const fleet = twoNodes()
  const vpn = { ...fleet.vpn, restartVpnAfterMs: 5_000 }
  const random = makeRandom(5)
  const forwarding = { ...fleet.forwarding, portGraceMs: 5_000 }
  const shape = { ...fleet, replicas: 4, vpn, forwarding }
  return makeWorld({ fleet: shape, random, say, bug: undefined, leaseServers: 0 })
}

const isWhole = (world: World) => flaws(goalOf(world)).length === 0

async function comeUp(world: World): Promise<void> {
  world.restock()
  expect(await world.clock.runUntil(() => isWhole(world), 60_000)).toBe(true)
}

const forwardedOn = ({ docker }: World) =>
  docker.world().find(({ name, state }) => name === 'home.forwarded' && state === 'running')

it('two ports that are stuck at 0 are cured one after the other, until one is enough', async () => {
  const told: string[] = []
  await using world = await stuckWorld((who, line) => {
    if (line.startsWith('tells')) told.push(`${who} ${line}`)
  })
  await comeUp(world)
  for (const name of NAMES) world.vpns.stick(name)
  const isGone = () => forwardedOn(world) === undefined
  expect(await world.clock.runUntil(isGone, 60_000)).toBe(true)
  expect(await world.clock.runUntil(() => isWhole(world), 60_000)).toBe(true)
  expect(told).toHaveLength(2)
  expect(world.judge.violations).toEqual([])
})

it('a leader that dies between stop and start leaves nothing stopped (I7)', async () => {
  const told: string[] = []
  await using world = await stuckWorld((who, line) => {
    if (line.startsWith('tells')) told.push(`${who} ${line}`)
  })
  await comeUp(world)
  const { vpns, clock } = world
  for (const name of NAMES) vpns.stick(name)
  const stopped = () => NAMES.find((name) => vpns.tunnel(name).halted === 'stopped')
  expect(await clock.runUntil(() => stopped() !== undefined, 60_000)).toBe(true)
  const name = stopped()
  for (const run of world.controllers()) run.kill()
  // Whatever its last words were, the VPN stays stopped until somebody leads again.
  await clock.advance(60_000)
  expect(stopped()).toBe(name)
  const fleet = world.fleet()
  world.rule({ ...fleet, vpn: { ...fleet.vpn, restartVpnAfterMs: 3_600_000 } })
  world.restock()
  expect(await clock.runUntil(() => stopped() === undefined, 10_000)).toBe(true)
  expect(told.at(-1)).toBe(`controller-2 tells ${name} running`)
  expect(world.judge.violations).toEqual([])
})

it('nodes that are both unhealthy are restarted in turn, never at once, and come back with their servers (point 7)', async () => {
  const told: string[] = []
  await using world = await stuckWorld((_, line) => {
    if (line.startsWith('tells')) told.push(line)
  })
  await comeUp(world)
  for (const name of NAMES) world.vpns.freeze(name, 0)
  await world.clock.advance(120_000)
  for (const name of NAMES) expect(told).toContain(`tells ${name} stopped`)
  for (const name of NAMES) world.vpns.thaw(name)
  expect(await world.clock.runUntil(() => isWhole(world), 180_000)).toBe(true)
  expect(world.judge.violations).toEqual([])
})
