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
  'store away': onServer((world) => away(world, 'refuses')),
  'store freezes': onServer((world) => away(world, 'frozen')),
}
