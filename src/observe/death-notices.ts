import type { ContainerId, ContainerSummary, DockerEvent, DockerReader } from '../docker/port.ts'
import type { Clock } from '../time/clock.ts'

/** The first look after a death that the list does not show yet, ms; each next one waits twice as long. */
const FIRST_LOOK_MS = 20
/** No look is held up longer than this by a death that the daemon does not get written down, ms. */
const WRITING_MS = 250
/** A list that still says `running` so long after the event is right: it was started again, ms. */
const BELIEVED_MS = 5_000

/**
 * Deaths that events told of and lists do not show yet. Docker tells of a death before it cleans up and writes it down:
 * a list begun some milliseconds after the event still says `running` (measured on 20.10: 1 to 50 ms, longer under
 * load), and no second event follows. Lists decide all the same; a notice only has them repeated.
 */
export interface DeathNotices {
  hear(event: Pick<DockerEvent, 'action' | 'id'>): void
  /**
   * Waits, before the first list after them, until deaths are written down: the daemon answers an inspect of a dying
   * container only then (measured on 20.10, where it took 8 to 110 ms). What it answers counts for nothing.
   */
  written(inspect: DockerReader['inspect'], signal: AbortSignal): Promise<void>
  /** Unix ms at which a list is to be asked for again; undefined when this one shows every death. */
  lookAgainAt(rows: readonly Pick<ContainerSummary, 'id' | 'state'>[]): number | undefined
}

export function makeDeathNotices(clock: Pick<Clock, 'now' | 'timer'>): DeathNotices {
  /** Unix ms of the event, and the looks since. */
  const notices = new Map<ContainerId, { readonly heardAt: number; readonly looks: number }>()
  return {
    hear({ action, id }) {
      if (action === 'die') notices.set(id, { heardAt: clock.now(), looks: 0 })
      else if (action === 'start' || action === 'destroy') notices.delete(id)
    },
    async written(inspect, signal) {
      const fresh = [...notices].flatMap(([id, { looks }]) => (looks === 0 ? [id] : []))
      if (fresh.length === 0) return
      const enough = new AbortController()
      using _ = clock.timer(WRITING_MS, () => enough.abort(new Error('not written down in time')))
      const limit = AbortSignal.any([signal, enough.signal])
      await Promise.allSettled(fresh.map((id) => inspect(id, limit)))
    },
    lookAgainAt(rows) {
      if (notices.size === 0) return undefined
      const now = clock.now()
      const running = new Set(rows.filter((row) => row.state === 'running').map((row) => row.id))
      const times: number[] = []
      for (const [id, { heardAt, looks }] of notices) {
        if (!running.has(id) || Math.abs(now - heardAt) > BELIEVED_MS) {
          notices.delete(id)
          continue
        }
        notices.set(id, { heardAt, looks: looks + 1 })
        times.push(now + FIRST_LOOK_MS * 2 ** looks)
      }
      return times.length === 0 ? undefined : Math.min(...times)
    },
  }
}
