import { describe, expect, it } from 'vitest'
import type { Fleet } from '../../src/spec/fleet.ts'
import { makeRandom } from './random.ts'
import { drawFleet } from './sim-fleet.ts'
import { convergeAndRest } from './simulation.ts'
import { makeWorld, type World } from './world.ts'

type Crash = { readonly at: number; readonly when: 'before' | 'after' } | undefined

/** Two nodes and one forwarded engine, with room for one more. */
function twoNodes(): Fleet {
  for (let seed = 1; ; seed++) {
    const fleet = drawFleet(makeRandom(seed))
    const { vpn, forwarding, update } = fleet
    if (vpn.nodes.length === 2 && forwarding.scope === 'fleet' && update.maxUnavailable === 0)
      return { ...fleet, replicas: 3, forwarding: { ...forwarding, prefer: undefined } }
  }
}

async function untilQuiet(world: World, ms: number): Promise<void> {
  const end = world.clock.monotonic() + ms
  while (world.clock.monotonic() < end && world.judge.violations.length === 0) {
    await world.clock.advance(250)
    if (world.controllers().length === 0) world.start()
  }
}

/** A whole life: a fleet comes up, is scaled, rolled and moved, and an engine and a node die. */
async function live(world: World): Promise<void> {
  world.start()
  await untilQuiet(world, 12_000)
  const { docker } = world
  world.rule({ ...world.fleet(), replicas: 4 })
  await untilQuiet(world, 4_000)
  docker.kill('home.1', 1)
  await untilQuiet(world, 4_000)
  const { engine } = world.fleet()
  world.rule({ ...world.fleet(), engine: { ...engine, env: { TUNED: '1' } } })
  await untilQuiet(world, 15_000)
  docker.restart('gluetun-a')
  await untilQuiet(world, 8_000)
  world.vpns.offer('gluetun-b', 51_000)
  world.rule({ ...world.fleet(), replicas: 2 })
  await untilQuiet(world, 8_000)
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
  if (world.judge.violations.length === 0) await convergeAndRest(world)
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
