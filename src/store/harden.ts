import type { Mark } from './mark.ts'

/**
 * What stands after `wanted` was written over `standing`: a mark is only ever hardened. The kind goes from draining to
 * failed and brings its reason with it, the deadline only comes closer, `stopAt` is set once, `at` never moves, and the
 * epoch is that of the term which last changed anything.
 */
export function harden(standing: Mark | undefined, wanted: Mark): Mark {
  if (standing === undefined) return wanted
  const worsens = standing.kind === 'draining' && wanted.kind === 'failed'
  const deadlineAt = Math.min(standing.deadlineAt, wanted.deadlineAt)
  const stopAt = standing.stopAt ?? wanted.stopAt
  const changed = worsens || deadlineAt !== standing.deadlineAt || stopAt !== standing.stopAt
  if (!changed) return standing
  return {
    containerId: standing.containerId,
    kind: worsens ? 'failed' : standing.kind,
    reason: worsens ? wanted.reason : standing.reason,
    at: standing.at,
    deadlineAt,
    ...(stopAt === undefined ? {} : { stopAt }),
    epoch: wanted.epoch,
  }
}
