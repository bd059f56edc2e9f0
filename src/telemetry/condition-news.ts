import type { Logger } from './log.ts'
import type { Condition, ConditionType } from './status.ts'

/** Conditions that come and go with every change, or whose coming and going events tell. */
const TOLD_OTHERWISE: ReadonlySet<ConditionType> = new Set([
  'Ready',
  'Reconciling',
  'Deleting',
  'RolloutPaused',
  'ImageMissing',
  'DockerUnreachable',
  // Every replica's log has these, for a leader may be the one that is set up well.
  'LeaseMismatch',
  'StoreMayForget',
])

/** What stands this long is no passing moment of a start or a change any more, ms. */
const LASTING_MS = 5_000

/** Tells the log of conditions that last, once each, so that whoever reads nothing else learns what to mend. */
export interface ConditionNews {
  /** Answers the Unix ms at which one that stands may have lasted long enough; undefined when none may. */
  tell(conditions: readonly Condition[], now: number, epoch: number): number | undefined
}

export function makeConditionNews(
  log: Pick<Logger, 'info' | 'warn'>,
  fleet: string,
): ConditionNews {
  /** By type, the reason that was told. */
  const told = new Map<ConditionType, string>()
  return {
    tell(conditions, now, epoch) {
      const standing = conditions.filter((c) => c.status === 'True' && !TOLD_OTHERWISE.has(c.type))
      const types = new Set(standing.map((c) => c.type))
      for (const [type, reason] of told) {
        if (types.has(type)) continue
        told.delete(type)
        log.info({ fleet, epoch, reason }, `no longer ${type}`)
      }
      const due: number[] = []
      for (const { type, reason, message, since } of standing) {
        if (told.get(type) === reason) continue
        if (now - since < LASTING_MS) {
          due.push(since + LASTING_MS)
          continue
        }
        told.set(type, reason)
        log.warn({ fleet, epoch, reason }, `${type}: ${message}`)
      }
      return due.length === 0 ? undefined : Math.min(...due)
    },
  }
}
