import { z } from 'zod'
import type { FleetMemory } from '../store/store.ts'
import type { FleetStatus, VpnStatus } from '../telemetry/status.ts'
import type { Catalog, OfFleet } from './catalog.ts'
import { Problem } from './problem.ts'

/** What the accepted document says of forwarding: it is normalised, so that the scope is written out. */
const documentSchema = z.looseObject({
  spec: z.looseObject({
    forwarding: z.looseObject({
      scope: z.enum(['fleet', 'vpn', 'none']),
      prefer: z.string().optional(),
    }),
  }),
})

function conflict(detail: string): Problem {
  return new Problem(409, detail)
}

function refuseBySpec(catalog: Catalog, fleet: string, node: string): void {
  const spec = catalog.specs.get(fleet)
  const parsed = documentSchema.safeParse(spec?.document)
  // What cannot be read here the leader judges: it drops what cannot be, and says why.
  if (!parsed.success) return
  const { scope, prefer } = parsed.data.spec.forwarding
  const source = spec?.source ?? 'its spec'
  if (scope === 'none')
    throw conflict(
      `fleet "${fleet}" has no forwarded engine: set "forwarding.scope: fleet" in ${source} first`,
    )
  if (scope === 'vpn')
    throw conflict(
      `in fleet "${fleet}" every VPN node has a forwarded engine of its own (forwarding.scope: vpn in ${source}): there is none to move`,
    )
  if (prefer !== undefined && prefer !== node)
    throw conflict(
      `${source} prefers ${prefer}, so that the forwarded engine would be moved back at once: set "forwarding.prefer: ${node}" there, or take it out`,
    )
}

/** What else the leader has against the node. */
function refuseByChoice(name: string, { forwarding }: FleetStatus): void {
  const candidates = forwarding.flatMap((choice) => choice.candidates)
  const obstacle = candidates.find((each) => each.node === name)?.obstacle
  if (obstacle !== undefined) throw conflict(`it cannot have the forwarded engine: ${obstacle}`)
}

function refuseByNode({ name, state, message, ...node }: VpnStatus, status: FleetStatus): void {
  if (node.cordoned)
    throw conflict(
      `VPN node "${name}" is cordoned: acefleet uncordon ${name}, or "cordon: false" in its spec, comes first`,
    )
  if (state !== 'up')
    throw conflict(`VPN node "${name}" is ${state}: ${message}. Ask again when it is up`)
  if (node.forwardedPort !== undefined) return
  const able = status.vpns.filter((each) => each.forwardedPort !== undefined).map((n) => n.name)
  const others = able.length === 0 ? 'no node has one' : `with a port: ${able.join(', ')}`
  throw conflict(
    `VPN node "${name}" has no forwarded port (${others}): it needs VPN_PORT_FORWARDING=on and a server that forwards ports; acefleet get vpns shows when it has one`,
  )
}

/** What a request to move the forwarded engine to a node comes to. */
export interface ForwardAnswer {
  readonly message: string
  /** Whether anything is to be taken down. */
  readonly isNew: boolean
}

/** Judges a request by what the leader published last. @throws {Problem} 409 that says what to do instead. */
export function judgeForward(
  catalog: Catalog,
  { fleet, item }: OfFleet<VpnStatus>,
  memory: FleetMemory,
): ForwardAnswer {
  const { name } = item
  refuseBySpec(catalog, fleet, name)
  const status = catalog.statuses.get(fleet)
  const choice = status?.forwarding.find((each) => each.held && each.node === name)
  const pending = memory.requests.filter((request) => request.kind === 'forward')
  if (choice !== undefined) {
    // Whoever was asked for before is so no more.
    const isNew = pending.some((request) => request.node !== name)
    return { isNew, message: `the forwarded engine of ${fleet} is on ${name} already` }
  }
  if (status !== undefined) {
    refuseByNode(item, status)
    refuseByChoice(name, status)
  }
  const isNew = pending.every((request) => request.node !== name)
  const message = `the forwarded engine of ${fleet} is to move to ${name}: drained where it is, then created there`
  return { isNew, message }
}
