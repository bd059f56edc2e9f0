import type { Fleet } from '../../src/spec/fleet.ts'
import { flaws, goalOf } from './converged.ts'
import type { WorldContainer } from './fake-docker.ts'
import { twoNodes } from './one-life.ts'
import { makeRandom } from './random.ts'
import { convergeAndRest } from './simulation.ts'
import { isOurs } from './truth.ts'
import { makeWorld, type World } from './world.ts'
import { isAlive } from './world-container.ts'

export type Policy = Fleet['vpn']['restartEnginesOnReconnect']
export const POLICIES: readonly Policy[] = ['auto', 'always', 'never']

const NODE = 'gluetun-a'
const OTHER = 'gluetun-b'

/** What may befall a node's container while no event of it arrives, or nobody is there to hear it. */
export const RESTARTS = {
  'is restarted': ({ docker }: World) => docker.restart(NODE),
  'is recreated': ({ docker }: World) => void docker.recreate(NODE),
  'is restarted, then recreated': ({ docker }: World) => {
    docker.restart(NODE)
    docker.recreate(NODE)
  },
} as const

export type Restart = keyof typeof RESTARTS

/** Its engines have their words to say by then, which count from 30 s on, ms. */
const SETTLED_MS = 40_000
/** More than the minute in which an engine is to find its network again, and a few turns to say that it did not, ms. */
const RETURN_MS = 150_000

export interface Outcome {
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  /** Engines on the node before, and elsewhere, and those of them that are still there at the end, by id. */
  readonly before: { readonly here: readonly string[]; readonly elsewhere: readonly string[] }
  readonly kept: readonly string[]
}

function running({ docker, fleet }: World): readonly WorldContainer[] {
  return docker.world().filter((each) => isOurs(each, fleet().name) && isAlive(each))
}

/** Four engines on two nodes, the forwarded one where it is preferred; then that; then the fleet as its spec says. */
async function afterwards(
  policy: Policy,
  prefer: string,
  act: (world: World, here: readonly WorldContainer[]) => Promise<void>,
): Promise<Outcome> {
  const trace: string[] = []
  let ms = () => 0
  const { vpn, forwarding, engine, ...rest } = twoNodes()
  const health = { intervalMs: 2_000, timeoutMs: 1_000, failures: 2 }
  await using world = await makeWorld({
    fleet: {
      ...{ ...rest, replicas: 4, engine: { ...engine, health } },
      forwarding: { ...forwarding, prefer, portGraceMs: 300_000 },
      vpn: { ...vpn, downGraceMs: 15_000, restartEnginesOnReconnect: policy },
    },
    random: makeRandom(9),
    say: (who, line) => void trace.push(`${ms()} ${who} ${line}`),
    bug: undefined,
    leaseServers: 0,
  })
  const { clock, docker, judge } = world
  ms = clock.monotonic
  world.restock()
  if (!(await clock.runUntil(() => flaws(goalOf(world)).length === 0, 60_000)))
    judge.violations.push('L1: it did not come up')
  await clock.advance(SETTLED_MS)
  const { id } = docker.container(NODE)
  const all = running(world)
  const here = all.filter(({ networkMode }) => networkMode === `container:${id}`)
  const idsOf = (engines: readonly WorldContainer[]) => engines.map((each) => each.id)
  const before = { here: idsOf(here), elsewhere: idsOf(all.filter((e) => !here.includes(e))) }
  await act(world, here)
  if (judge.violations.length === 0) await convergeAndRest(world, 6_000)
  const left = new Set<string>(idsOf(running(world)))
  const kept = [...before.here, ...before.elsewhere].filter((each) => left.has(each))
  return { violations: judge.violations, trace, before, kept }
}

/** The node's container is another, or was started anew, and no event told of it: lost, or because nobody was there. */
export function restartUnheard(
  policy: Policy,
  how: Restart,
  why: 'events are lost' | 'nobody is there',
): Promise<Outcome> {
  return afterwards(policy, NODE, async (world) => {
    const { docker, clock } = world
    docker.eventFate = () => 'drop'
    if (why === 'nobody is there') for (const run of world.controllers()) run.kill()
    RESTARTS[how](world)
    await clock.advance(3_000)
    world.restock()
  })
}

/** The tunnel goes and comes back inside its container, and one engine does not find its network again. */
export function reconnect(policy: Policy): Promise<Outcome & { readonly stray: string }> {
  let stray = ''
  // Where the forwarded one goes in order, another node may be the better choice: so it is elsewhere from the beginning.
  const outcome = afterwards(policy, OTHER, async ({ engines, vpns, clock }, [found]) => {
    if (found === undefined) throw new Error(`no engine on ${NODE}`)
    stray = found.id
    engines.cutOff(found.id)
    vpns.halt(NODE, 'crashed')
    await clock.advance(3_000)
    vpns.resume(NODE)
    await clock.advance(RETURN_MS)
  })
  return outcome.then((each) => ({ ...each, stray }))
}
