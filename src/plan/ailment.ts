import { hasTunnel, type ObservedNode, TUNNEL_DEAD } from '../observe/observation.ts'
import type { CureKind } from '../store/node-note.ts'
import { mayServe } from './death.ts'
import type { Engine } from './engine.ts'
import type { Election } from './forwarding.ts'
import type { World } from './world.ts'

/** What ails a node, the cure that is meant for it, and when that is due. */
export interface Ailment {
  readonly node: ObservedNode
  readonly kind: CureKind
  /** Unix ms. */
  readonly dueAt: number
  /** For people. */
  readonly what: string
}

/** Reasons of `down` that say that the container stands still: no word to its control server can change that. */
const STANDS_STILL: ReadonlySet<string> = new Set(['ContainerNotRunning'])
/** … and that there is none. */
const ABSENT = 'ContainerMissing'

/** Somebody took it out of service: nothing new is to come, and it was stopped. */
function isPutAside({ name, reason }: ObservedNode, world: World): boolean {
  return world.isCordoned(name) && (reason === 'VpnStopped' || STANDS_STILL.has(reason))
}

function whenDown(node: ObservedNode, world: World): readonly Ailment[] {
  const { restartVpnAfterMs, restartContainerAfterMs } = world.input.fleet.vpn
  const { downSince, reason, message } = node
  if (node.state !== 'down' || downSince === undefined || reason === ABSENT) return []
  if (isPutAside(node, world)) return []
  const what = `is down since ${new Date(downSince).toISOString()} (${message})`
  const after = (kind: CureKind, ms: number | 'never'): readonly Ailment[] =>
    ms === 'never' ? [] : [{ node, kind, dueAt: downSince + ms, what }]
  return [
    ...after('container', restartContainerAfterMs),
    ...(STANDS_STILL.has(reason) ? [] : after('vpn', restartVpnAfterMs)),
  ]
}

/** Whether a port here would give a forwarded engine a place that it has nowhere now. */
function isPortOfUse({ name }: ObservedNode, world: World, election: Election): boolean {
  const { forwarding } = world.input.fleet
  const isOpen = !world.isCordoned(name) && !world.foreign.some((each) => each.forwardedOn === name)
  if (!isOpen || world.deleting) return false
  const isWanted = election.places.some(
    ({ slot, served }) => !served && (forwarding.scope === 'fleet' || slot.startsWith(`${name}.`)),
  )
  const isPreferred = forwarding.scope === 'fleet' && forwarding.prefer === name
  return isWanted || (isPreferred && election.places.length > 0)
}

/**
 * Gluetun does not ask again when its first request for a port fails, in any release, and up to v3.41.1 not when a
 * renewal fails: the tunnel works, and the port stays 0 for ever. `forwardedPort` still has one that was lost of late.
 */
function whenPortless(node: ObservedNode, world: World, election: Election): readonly Ailment[] {
  const { restartVpnAfterMs } = world.input.fleet.vpn
  const { state, grant, forwardedPort } = node
  const isMissing = state === 'up' && grant?.isGranted === false && forwardedPort === 0
  if (!isMissing || restartVpnAfterMs === 'never' || !isPortOfUse(node, world, election)) return []
  const what = `is up, but shows no forwarded port since ${new Date(grant.since).toISOString()}`
  return [{ node, kind: 'port', dueAt: grant.since + restartVpnAfterMs, what }]
}

/** What ails the fleet's nodes, in the order in which it is to be seen to. `unknown` is no ailment (I9). */
export function ailmentsOf(world: World, election: Election): readonly Ailment[] {
  const rank: Readonly<Record<CureKind, number>> = { container: 0, vpn: 1, port: 2 }
  if (world.deleting) return []
  return world.input.observation.nodes
    .flatMap((node) => [...whenDown(node, world), ...whenPortless(node, world, election)])
    .toSorted((a, b) => rank[a.kind] - rank[b.kind] || (a.node.name < b.node.name ? -1 : 1))
}

const isThere = (engine: Engine) => engine.phase !== 'Exited'

/** Why nobody may take the VPN of a node that works away now; undefined when somebody may. */
function whyNotCut(here: readonly Engine[], others: number, world: World): string | undefined {
  const isLast = others === 0
  const streaming = (isLast ? world.engines.filter(isThere) : here).find((e) => e.streams !== 0)
  if (streaming === undefined) return undefined
  const streams = streaming.streams === 'unknown' ? 'may have' : 'has'
  return `${streaming.name} ${streams} live streams${isLast ? ', and no other VPN works' : ''}`
}

/** Why a cure must not be begun now, for people; undefined when it may. */
export function whyNotCure({ node, kind }: Ailment, world: World): string | undefined {
  const { input } = world
  const here = world.engines.filter((engine) => isThere(engine) && engine.node === node)
  const others = input.observation.nodes.filter((other) => other !== node && hasTunnel(other))
  const serving = here.find(({ streams, container }) => mayServe(streams, container, input))
  const busy =
    kind === 'port'
      ? whyNotCut(here, others.length, world)
      : serving && `${serving.name} may deliver bytes there`
  if (busy !== undefined) return busy
  if (kind !== 'container' && node.control.kind !== 'reading')
    return `its control server cannot be told: ${node.control.message}`
  // By Gluetun's word its tunnel stands, so it may be the last that works.
  const isLastPerhaps = node.reason === TUNNEL_DEAD && others.length === 0
  return isLastPerhaps ? 'no other VPN works' : undefined
}
