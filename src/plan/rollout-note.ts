import type { RolloutNote } from '../store/store.ts'
import type { Engine } from './engine.ts'
import type { World } from './world.ts'

/** Whether an engine of the present spec failed to start, with its VPN node the same before and after. */
function failedItsStart(engine: Engine, world: World): boolean {
  const { template, memory, fleet } = world.input
  const { container, death, mark, pending } = engine
  if (death === undefined || mark !== undefined || pending !== undefined) return false
  if (container.labels.specHash !== template.specHash) return false
  const neverReady = !memory.engines.has(engine.id) && container.health.firstReadyAt === undefined
  const failed =
    death.kind === 'StartTimedOut' ||
    (death.ownFault && death.kind === 'StartFailed') ||
    (death.kind === 'Exited' && neverReady)
  const sameGeneration =
    fleet.vpn.mode === 'none' || container.labels.vpnGeneration === engine.node?.generation
  return failed && sameGeneration
}

/** The rollout's record as it stands after this pass; undefined when nothing speaks against the present spec. */
export function rolloutNote(world: World): RolloutNote | undefined {
  const { memory, template, now } = world.input
  const before = memory.rollout?.specHash === template.specHash ? memory.rollout : undefined
  const failed = world.engines.filter((engine) => failedItsStart(engine, world))
  const latest = failed.at(-1)
  if (latest !== undefined) {
    return {
      specHash: template.specHash,
      failedStarts: (before?.failedStarts ?? 0) + failed.length,
      lastFailure: `${latest.name} of the new spec ${latest.death?.message ?? 'failed'}`,
      lastFailureAt: now,
    }
  }
  if (before === undefined) return undefined
  const redeemed = world.engines.some(
    (e) =>
      e.ready &&
      e.container.labels.specHash === template.specHash &&
      (e.container.health.firstReadyAt ?? 0) > before.lastFailureAt,
  )
  return redeemed ? undefined : before
}
