import { later, type Misadventure } from './misadventure.ts'
import { BLANK, type StoreState } from './store-world.ts'
import type { World } from './world.ts'

/** As much as a failover's copy may lack, ms. */
const LOST_MS = [0, 2_000] as const

/** Where the store is a server of its own, and not the one process's file. */
function onServer(act: Misadventure): Misadventure {
  return (world) => {
    if (world.leases.servers.length > 0 && world.memory.state === 'up') return act(world)
  }
}

const away = (world: World, state: StoreState) => {
  world.memory.state = state
  later(world, [500, 25_000], () => {
    world.memory.state = 'up'
  })
}

const HOUR_MS = 3_600_000
/**
 * A little; or far more than what a silence of the store needs to be seen. In between, sessions whose renewal is held up
 * by something else as well might lapse.
 */
const STEPS_MS: readonly (readonly [number, number])[] = [
  [0, 1_000],
  [8_000, HOUR_MS],
]

/** By how much a clock is set, ms. */
export function drawStep({ random }: World): number {
  return random.pick([-1, 1]) * random.int(...random.pick(STEPS_MS))
}

/** Sets the clock of the store's machine, and of all controllers, which run there as well. */
export function setHostClock(world: World, byMs: number): void {
  setServerClock(world, byMs)
  for (const { process } of world.controllers()) process.wallAheadMs += byMs
}

/** Sets the clock of the store's server alone. */
export function setServerClock(world: World, byMs: number): void {
  world.memory.setClock(byMs)
  world.steppedMs += Math.abs(byMs)
  world.truth.onClockSet()
  world.say('world', `the store's clock is ${world.memory.aheadMs} ms ahead`)
}

/** What happens to the store. */
export const STORE_MISADVENTURES: Readonly<Record<string, Misadventure>> = {
  'store forgets everything': onServer(({ memory }) => memory.become(BLANK)),
  'store fails over': onServer((world) => {
    const copy = world.memory.copy()
    later(world, LOST_MS, () => {
      world.say('world', 'the store goes on without its last writes')
      world.memory.become(copy)
    })
  }),
  "store's clock is set": onServer((world) => {
    const set = world.random.chance(0.5) ? setHostClock : setServerClock
    set(world, drawStep(world))
  }),
  'store away': onServer((world) => away(world, 'refuses')),
  'store freezes': onServer((world) => away(world, 'frozen')),
}
