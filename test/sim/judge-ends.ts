import type { ContainerId } from '../../src/docker/port.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { Call, WorldContainer } from './fake-docker.ts'
import type { Violate } from './judge-creations.ts'
import { isOurs, KNOWN_MS, short, type Truth } from './truth.ts'
import { isAlive } from './world-container.ts'

/** Bytes that flowed this recently keep an engine alive whose API fails (DESIGN: 15 s, less a renewal's delay). */
const FLOWING_MS = 8_000

/** By so much a process may be mistaken about how long ago another one's mark was written, ms: clocks are set by less, unseen. */
const MISTAKEN_MS = 1_000

const spanOf = ({ at, deadlineAt }: Mark) => deadlineAt - at

/** Judges how engines come to their end. */
export interface EndsJudge {
  onStopCall(call: Call): void
  onRemoveCall(call: Call): void
  /** A mark as it stands after a write. */
  onMark(mark: Mark, by: string, askedAt: number): void
  onForget(id: ContainerId, by: string): void
  /** The store remembers no more than this. */
  onOblivion(remaining: ReadonlyMap<ContainerId, Mark>): void
}

export function judgeEnds(truth: Truth, violate: Violate): EndsJudge {
  const { marks, written } = truth
  /** Drains, since when, and how long their marks promised; a stop's own mark says `now`. */
  const drains = new Map<ContainerId, { readonly since: number; readonly spanMs: number }>()

  /** I7: every stop and remove follows a mark on that id that decides it. Answers what is about to end. */
  function judgeMarked(call: Call): { container: WorldContainer; mark: Mark } | undefined {
    const mark = written.get(call.target as ContainerId)
    const container = truth.find(call.target)
    if (container === undefined) return undefined
    if (mark?.stopAt === undefined) {
      const lack = mark === undefined ? 'a mark' : 'a stop decided'
      violate('I7', `${call.by} issued ${call.verb} of ${container.name} without ${lack}`)
      return undefined
    }
    return { container, mark }
  }

  /** I7: a mark is only ever hardened. */
  function judgeHardened(mark: Mark, before: Mark | undefined, by: string): void {
    if (before?.kind === 'failed' && mark.kind !== 'failed')
      violate('I7', `${by} softened the mark on ${short(mark.containerId)}`)
    // By how long after the marking it is: the store's clock may have been set.
    if (before !== undefined && spanOf(mark) > spanOf(before))
      violate('I7', `${by} put off the deadline of ${short(mark.containerId)}`)
  }

  /** I5: a drain has its whole timeout, by a spec that ruled when it began. */
  function judgeDrain(mark: Mark, since: number, isNew: boolean, container: WorldContainer): void {
    const spanMs = spanOf(mark)
    const begun = isNew ? since : (drains.get(mark.containerId)?.since ?? since)
    drains.set(mark.containerId, { since: begun, spanMs })
    const least = Math.min(...truth.specsWithin(KNOWN_MS).map((f) => f.update.drainTimeoutMs))
    const sessions = truth.viewers.on(mark.containerId)
    if (isNew && sessions.length > 0 && spanMs < least)
      violate('I5', `${container.name} was given less than its drain timeout`)
  }

  /**
   * I9, I5: only an engine that is dead is marked failed, whatever was not seen. What was well for as long as anybody
   * may act on old news is not dead; neither is one whose tunnel stands and whose bytes flow.
   */
  function judgeFailed(mark: Mark, by: string, container: WorldContainer): void {
    const about = `${by} gave up ${container.name} (${mark.reason})`
    if (truth.wasWell(container)) violate('I9', `${about}, which was well`)
    const flows = truth.viewers
      .on(mark.containerId)
      .some((session) => truth.now - session.lastBytesAt < FLOWING_MS)
    if (flows && container.isReachable && truth.hasLivingNode(container))
      violate('I5', `${about} while bytes flow`)
  }

  return {
    /** I5: an engine with live streams is not stopped before its drain timeout, unless it is dead. */
    onStopCall(call) {
      const { container, mark } = judgeMarked(call) ?? {}
      if (container === undefined || !isAlive(container) || mark?.kind === 'failed') return
      const sessions = truth.viewers.on(container.id)
      const { since, spanMs } = drains.get(container.id) ?? { since: Infinity, spanMs: 0 }
      const isEarly = truth.now < since + spanMs - MISTAKEN_MS && !truth.isMisled(call.by, since)
      if (sessions.length > 0 && isEarly)
        violate('I5', `${call.by} stops ${container.name}, which has ${sessions.length} streams`)
    },
    onRemoveCall: (call) => void judgeMarked(call),
    onMark(mark, by, askedAt) {
      const before = marks.get(mark.containerId)
      marks.set(mark.containerId, mark)
      written.set(mark.containerId, mark)
      judgeHardened(mark, before, by)
      const container = truth.find(mark.containerId)
      if (container === undefined || !isAlive(container)) return
      if (!isOurs(container, truth.fleet.name)) return
      if (mark.kind === 'draining' && mark.stopAt === undefined)
        judgeDrain(mark, askedAt, before === undefined, container)
      const isNewlyFailed = mark.kind === 'failed' && before?.kind !== 'failed'
      if (isNewlyFailed && !truth.isOutside(container)) judgeFailed(mark, by, container)
    },
    /** I7: no leader lifts a mark; only what a list has shown to be gone is forgotten. */
    onForget(id, by) {
      if (truth.find(id) !== undefined) violate('I7', `${by} forgot ${short(id)}, which exists`)
      marks.delete(id)
    },
    onOblivion(remaining) {
      marks.clear()
      for (const [id, mark] of remaining) marks.set(id, mark)
    },
  }
}
