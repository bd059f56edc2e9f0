import type { ControllerRun } from './controller-process.ts'
import type { World } from './world.ts'

/** Something that happens to a world, by chance. Does nothing where it does not apply. */
export type Misadventure = (world: World) => void | Promise<void>

/** After a while, unless all has become calm. */
export function later(world: World, ms: readonly [number, number], act: () => void): void {
  const timer = world.clock.timer(world.random.int(...ms), act)
  world.pending.push(timer)
}

export function onController(act: (world: World, run: ControllerRun) => void): Misadventure {
  return (world) => {
    const runs = world.controllers()
    if (runs.length > 0) act(world, world.random.pick(runs))
  }
}
