import { describe, expect, it } from 'vitest'
import type { Fleet } from '../../src/spec/fleet.ts'
import { makeRandom } from './random.ts'
import { drawFleet } from './sim-fleet.ts'
import { convergeAndRest } from './simulation.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

type Crash = { readonly at: number; readonly when: 'before' | 'after' } | undefined

/** Every pass of it is asked for. */
const REST_MS = 3_000

/** Two nodes and one forwarded engine, with room for one more. */
function twoNodes(): Fleet {
  for (let seed = 1; ; seed++) {
    const fleet = drawFleet(makeRandom(seed))
    const { vpn, forwarding, update } = fleet
    if (vpn.nodes.length === 2 && forwarding.scope === 'fleet' && update.maxUnavailable === 0)
      return { ...fleet, replicas: 2, forwarding: { ...forwarding, prefer: undefined } }
  }
}

async function untilQuiet(world: World, ms: number): Promise<void> {
  const end = world.clock.monotonic() + ms
  while (world.clock.monotonic() < end && world.judge.violations.length === 0) {
    await world.clock.advance(250)
    if (world.controllers().length === 0) world.start()
  }
}

/** A whole life: a fleet comes up, an engine dies, a port changes, engines are rolled, a node restarts, it shrinks. */
async function live(world: World): Promise<void> {
  world.start()
  await untilQuiet(world, 5_000)
  const engine = world.docker.world().find((each) => /^home\.\d$/.test(each.name) && isAlive(each))
  if (engine !== undefined) world.docker.kill(engine.id, 1)
  world.vpns.offer('gluetun-a', 51_000)
  world.vpns.offer('gluetun-b', 52_000)
  await untilQuiet(world, 5_000)
  const fleet = world.fleet()
  world.rule({ ...fleet, engine: { ...fleet.engine, env: { TUNED: '1' } } })
  await untilQuiet(world, 5_000)
  world.docker.restart('gluetun-a')
  world.rule({ ...world.fleet(), replicas: 1 })
  await untilQuiet(world, 4_000)
}

/** Runs that life with at most one crash; answers how many side effects it had, and what went wrong. */
async function run(crash: Crash) {
  const trace: string[] = []
  await using world = await makeWorld({
    fleet: twoNodes(),
    random: makeRandom(7),
    say: (who, line) => void trace.push(`${who} ${line}`),
    bug: undefined,
    isLock: true,
  })
  let count = 0
  let what = ''
  world.fate.crash = (effect) => {
    const isHere = count++ === crash?.at
    if (isHere) what = effect
    return isHere ? crash?.when : undefined
  }
  await live(world)
  if (world.controllers().length === 0) world.start()
  if (world.judge.violations.length === 0) await convergeAndRest(world, REST_MS)
  return { count, what, trace, violations: world.judge.violations }
}

describe('a controller that dies', () => {
  it('at any of its side effects leaves nothing that the next cannot mend (I1 to I11, L1)', async () => {
    const { count, violations } = await run(undefined)
    expect(violations).toEqual([])
    expect(count).toBeGreaterThan(50)
    for (let at = 0; at < count; at++) {
      for (const when of ['before', 'after'] as const) {
        const outcome = await run({ at, when })
        if (outcome.violations.length > 0) console.log(outcome.trace.join('\n'))
        expect(outcome.violations, `dead ${when} side effect ${at}: ${outcome.what}`).toEqual([])
      }
    }
  })
})
