import type { Fleet } from '../../src/spec/fleet.ts'
import type { Bug } from './bug.ts'
import { CALM, type Crash } from './fate.ts'
import { makeRandom } from './random.ts'
import { drawFleet } from './sim-fleet.ts'
import { convergeAndRest } from './simulation.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

/** Every pass of it is asked for. */
const REST_MS = 3_000

const LET_BE = { restartVpnAfterMs: 'never', restartContainerAfterMs: 'never' } as const

/** Two nodes that are left to themselves, and one forwarded engine, with room for one more. */
export function twoNodes(): Fleet {
  for (let seed = 1; ; seed++) {
    const fleet = drawFleet(makeRandom(seed))
    const { vpn, forwarding, update } = fleet
    if (vpn.nodes.length === 2 && forwarding.scope === 'fleet' && update.maxUnavailable === 0)
      return {
        ...fleet,
        vpn: { ...vpn, ...LET_BE },
        replicas: 2,
        forwarding: { ...forwarding, prefer: undefined },
      }
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
  world.restock()
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

/** What is to become of the process at one of its side effects, or that it is paused at one of its looks while it leads; counted from 0. */
export interface Incident {
  readonly at: number
  readonly what: Crash | 'pauseAtLook'
}

/** By whom it is lived: a leader and a standby, a leader alone, or one alone whose lease is a file's lock. */
const COMPANIES = {
  'with a standby': { leaseServers: 1, size: 2 },
  alone: { leaseServers: 1, size: 1 },
  'alone with a lock': { leaseServers: 0, size: 1 },
} as const

export type Company = keyof typeof COMPANIES

/** How that life went. */
export interface Life {
  /** Side effects that it had. */
  readonly count: number
  /** The one at which the incident was. */
  readonly struck: string
  readonly trace: readonly string[]
  readonly violations: readonly string[]
}

/** Lives that life with at most one incident. */
export async function liveThrough(
  incident?: Incident,
  { company = 'with a standby', bug }: { readonly company?: Company; readonly bug?: Bug } = {},
): Promise<Life> {
  const trace: string[] = []
  await using world = await makeWorld({
    fleet: twoNodes(),
    random: makeRandom(7),
    say: (who, line) => void trace.push(`${who} ${line}`),
    bug,
    ...COMPANIES[company],
  })
  let count = 0
  let struck = ''
  world.fate.crash = (effect) => {
    const isHere = count++ === incident?.at
    if (!isHere || incident.what === 'pauseAtLook') return undefined
    struck = effect
    return incident.what
  }
  let looks = 0
  world.fate.pausesAtLook = (by) =>
    incident?.what === 'pauseAtLook' && by === world.leases.holder() && looks++ === incident.at
  await live(world)
  world.fate = { ...CALM }
  world.restock()
  if (world.judge.violations.length === 0) await convergeAndRest(world, REST_MS)
  return { count, struck, trace, violations: world.judge.violations }
}
