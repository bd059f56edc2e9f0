import type { NewFleetEvent } from './event.ts'
import type { EngineStatus, FleetStatus, VpnStatus } from './status.ts'

type Change = Pick<NewFleetEvent, 'type' | 'reason' | 'message' | 'slot' | 'vpn' | 'containerId'>

function normal(reason: Change['reason'], message: string, vpn?: string): Change {
  return { type: 'Normal', reason, message, vpn }
}

function warning(reason: Change['reason'], message: string, vpn?: string): Change {
  return { type: 'Warning', reason, message, vpn }
}

function vpnChanges(before: VpnStatus | undefined, now: VpnStatus): Change[] {
  const { name } = now
  const changes: Change[] = []
  if (before?.state !== now.state) {
    if (now.state === 'up')
      changes.push(normal('VpnUp', `${name} is up, public IP ${now.publicIp ?? 'unknown'}`, name))
    else if (now.state === 'degraded') changes.push(warning('VpnDegraded', now.message, name))
    else if (now.state === 'down')
      changes.push(warning('VpnDown', `${name} is down: ${now.message}`, name))
    // At the start nothing is known yet; that is no news.
    else if (before !== undefined)
      changes.push(warning('VpnUnknown', `${name} cannot be judged: ${now.message}`, name))
  }
  if (before?.forwardedPort !== now.forwardedPort) {
    if (now.forwardedPort !== undefined)
      changes.push(normal('PortGranted', `${name} has forwarded port ${now.forwardedPort}`, name))
    else if (before !== undefined)
      changes.push(warning('PortLost', `${name} has no forwarded port any more`, name))
  }
  return changes
}

function engineChanges(before: EngineStatus | undefined, now: EngineStatus): Change[] {
  // One that drains, stops or died has its own event.
  const isUnready = before?.ready && !now.ready && now.phase === 'Running' && !now.dead
  if (!isUnready || before?.containerId !== now.containerId) return []
  const { slot, vpn, containerId, name, note } = now
  return [
    {
      type: 'Warning',
      reason: 'EngineUnready',
      message: `${name} is not ready: ${note || 'no good answer'}`,
      slot,
      vpn,
      containerId,
    },
  ]
}

function fleetChanges(before: FleetStatus | undefined, now: FleetStatus): Change[] {
  const has = (status: FleetStatus | undefined, type: string) =>
    status?.conditions.some((c) => c.type === type && c.status === 'True') ?? false
  const changes: Change[] = []
  const wasRolling = before?.engines.some((e) => !e.updated) ?? false
  const isRolling = now.engines.some((e) => !e.updated)
  if (isRolling && !wasRolling)
    changes.push(
      normal('RolloutStarted', `rolling engines to generation ${now.generation} (${now.specHash})`),
    )
  // When the last old engine only went, nothing was rolled out.
  if (!isRolling && wasRolling && now.engines.length > 0)
    changes.push(normal('RolloutFinished', `every engine is of generation ${now.generation}`))
  if (has(now, 'RolloutPaused') && !has(before, 'RolloutPaused')) {
    const why = now.conditions.find((c) => c.type === 'RolloutPaused')?.message ?? ''
    changes.push(warning('RolloutPaused', why))
  }
  const isConverged = (status: FleetStatus | undefined) =>
    status !== undefined && has(status, 'Ready') && !has(status, 'Reconciling')
  if (isConverged(now) && !isConverged(before)) {
    const forwarded = now.forwarded === undefined ? 'none forwarded' : `${now.forwarded} forwarded`
    changes.push(
      normal('Converged', `${now.ready} of ${now.replicas} engines are ready, ${forwarded}`),
    )
  }
  return changes
}

/** What happened between two statuses of a fleet that no action's own event tells. Pure. */
export function changesBetween(before: FleetStatus | undefined, now: FleetStatus): Change[] {
  const engines = new Map(before?.engines.map((engine) => [engine.name, engine]))
  return [
    ...now.vpns.flatMap((vpn) =>
      vpnChanges(
        before?.vpns.find((b) => b.name === vpn.name),
        vpn,
      ),
    ),
    ...now.engines.flatMap((engine) => engineChanges(engines.get(engine.name), engine)),
    ...fleetChanges(before, now),
  ]
}
