import { compareSlots } from '../engine/place.ts'
import { hostOf } from '../observe/host.ts'
import type { ObservedNode } from '../observe/observation.ts'
import type { EngineStatus, PlannedCondition, VpnStatus } from '../telemetry/status.ts'
import type { Engine } from './engine.ts'
import { loadByNode } from './placement.ts'
import type { World } from './world.ts'

function noteOn(engine: Engine, world: World): string {
  const { death, mark, misfit, container } = engine
  const backoff = world.input.memory.backoff.get(engine.slot)
  if (mark !== undefined) return `${mark.kind}: ${mark.reason}`
  if (death !== undefined) return death.message
  if (!engine.ready && container.health.lastError !== '') return container.health.lastError
  if (misfit !== undefined) return `outdated: ${misfit}`
  if (!engine.ready && backoff !== undefined) return `after ${backoff.failures} failures in a row`
  return ''
}

function engineStatus(engine: Engine, world: World): EngineStatus {
  const { container } = engine
  const { labels } = container
  return {
    name: engine.name,
    slot: engine.slot,
    containerId: engine.id,
    vpn: engine.node?.name ?? labels.vpnContainer,
    address: hostOf(container, engine.node, world.input.fleet.network.bind),
    port: labels.httpPort,
    p2pPort: labels.p2pPort,
    forwarded: labels.forwarded,
    phase: engine.phase,
    ready: engine.ready,
    streams: engine.streams,
    createdAt: container.createdAt,
    specHash: labels.specHash,
    updated: engine.misfit === undefined,
    dead: !engine.live,
    note: noteOn(engine, world),
  }
}

/** Every engine as people see it, creates under way included. */
export function engineStatuses(world: World): readonly EngineStatus[] {
  const expected = world.expected.map(
    (p): EngineStatus => ({
      name: `${world.input.fleet.name}.${p.slot}`,
      slot: p.slot,
      containerId: undefined,
      vpn: p.vpn,
      address: undefined,
      port: undefined,
      p2pPort: undefined,
      forwarded: p.forwarded,
      phase: 'Pending',
      ready: false,
      streams: 0,
      createdAt: undefined,
      specHash: undefined,
      updated: true,
      dead: false,
      note: p.outcome === 'unknown' ? 'its create was not answered' : 'being created',
    }),
  )
  return [...world.engines.map((e) => engineStatus(e, world)), ...expected].toSorted((a, b) =>
    compareSlots(a.slot, b.slot),
  )
}

/** `cures` by node: what ails it, and what is done about it. */
export function vpnStatuses(
  world: World,
  cures: ReadonlyMap<string, string>,
): readonly VpnStatus[] {
  const load = loadByNode(world)
  return world.input.observation.nodes.map((node) => ({
    name: node.name,
    state: node.state,
    reason: node.reason,
    message: node.message,
    address: node.address,
    publicIp: node.control.kind === 'reading' ? node.control.publicIp || undefined : undefined,
    forwardedPort: node.forwardedPort === 0 ? undefined : node.forwardedPort,
    portLosses: node.portLosses,
    readySince: node.readySince,
    engines: load.get(node.name) ?? 0,
    cordoned: world.isCordoned(node.name),
    since: node.since,
    cure: cures.get(node.name),
  }))
}

function nodeConditions(node: ObservedNode): PlannedCondition[] {
  const { control, name } = node
  const state = (type: PlannedCondition['type'], reason: string, message: string) =>
    ({ type, status: 'True', reason, message: `${name}: ${message}` }) as const
  if (control.kind === 'refused') return [state('VpnControlRefused', 'Refused', control.message)]
  const gaps = control.kind === 'reading' ? [control.gaps?.ports, control.gaps?.publicIp] : []
  return [
    ...gaps.flatMap((gap) => (gap ? [state('VpnControlRefused', 'RouteMissing', gap)] : [])),
    ...(node.state === 'up' ? [] : [state('VpnNotReady', node.reason, node.message)]),
  ]
}

function nameConditions(world: World): PlannedCondition[] {
  return world.foreign
    .filter((container) => container.holdsSlot !== undefined)
    .map((container) => ({
      type: 'NameConflict',
      status: 'True',
      reason: 'ForeignContainer',
      message: `container ${container.name} is not ours but holds the name of slot ${container.holdsSlot}; that slot stays empty until it is renamed or removed`,
    }))
}

function deletingConditions({ deleting, engines }: World): PlannedCondition[] {
  if (!deleting) return []
  const left = engines.length === 1 ? '1 engine is left' : `${engines.length} engines are left`
  const message = `deletion was asked for: ${left} to drain and remove`
  return [{ type: 'Deleting', status: 'True', reason: 'DeleteRequested', message }]
}

/** The fleet's standing facts: whether it is what the spec says, and everything that keeps it from that. */
export function planConditions(
  world: World,
  stated: readonly PlannedCondition[],
  busy: boolean,
): readonly PlannedCondition[] {
  const { fleet, observation } = world.input
  const ready = world.engines.filter((e) => e.ready).length
  const outside = world.engines.filter((e) => e.death?.kind === 'OutsideVpn')
  const all: PlannedCondition[] = [
    ...stated,
    ...deletingConditions(world),
    ...nameConditions(world),
    ...observation.nodes.flatMap(nodeConditions),
    ...outside.map(
      (e): PlannedCondition => ({
        type: 'EngineOutsideVpn',
        status: 'True',
        reason: 'EngineOutsideVpn',
        message: `${e.name} ${e.death?.message}; it is being stopped`,
      }),
    ),
  ]
  const isReady = ready >= fleet.replicas && !world.deleting
  const readyCondition: PlannedCondition = isReady
    ? { type: 'Ready', status: 'True', reason: 'AllReady', message: `${ready} engines are ready` }
    : {
        type: 'Ready',
        status: 'False',
        reason: 'EnginesMissing',
        message: `${ready} of ${fleet.replicas} engines are ready`,
      }
  const isSettled = world.engines.length === fleet.replicas && world.engines.every((e) => e.ready)
  const reconciling: PlannedCondition[] =
    busy || !isSettled
      ? [
          {
            type: 'Reconciling',
            status: 'True',
            reason: 'Progressing',
            message: 'the fleet is being brought to its spec',
          },
        ]
      : []
  return [readyCondition, ...reconciling, ...all]
}
