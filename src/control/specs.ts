import { type Acceptance, makeSpecAcceptor } from '../spec/acceptance.ts'
import { formatProblem } from '../spec/problem.ts'
import { type SpecSnapshot, watchSpecs } from '../spec/source.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { Fleets } from './fleets.ts'

/** Wait before specs are decided on again when the store did not answer, ms. */
const RETRY_MS = 1_000

export interface SpecsParts {
  readonly paths: readonly string[]
  readonly store: Store
  readonly fleets: Fleets
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
}

/** What stands between the spec files and running fleets; empty when nothing does. */
export interface SpecsFollower {
  /** Watches the files and has the fleets ruled by them until aborted. */
  follow(signal: AbortSignal): Promise<void>
  troubles(): readonly string[]
}

export function makeSpecsFollower(parts: SpecsParts): SpecsFollower {
  const { paths, store, fleets, clock, record, log } = parts
  const acceptor = makeSpecAcceptor(store, clock)
  let troubles: readonly string[] = ['the specs have not been read yet']
  let told: readonly string[] = []

  function tell({ accepted, problems, fleets: running, unreadable }: Acceptance): void {
    for (const { fleet, generation, source } of accepted) {
      const message = `generation ${generation} accepted from ${source}`
      record({ at: clock.now(), fleet, type: 'Normal', reason: 'SpecAccepted', message })
    }
    const lines = problems.map(formatProblem)
    const news = problems.filter((_, index) => !told.includes(lines[index] ?? ''))
    told = lines
    for (const problem of news) {
      const message = formatProblem(problem)
      const fleet = problem.fleet
      if (fleet === undefined) log.warn({ reason: 'SpecRefused' }, message)
      else record({ at: clock.now(), fleet, type: 'Warning', reason: 'SpecRefused', message })
    }
    const hidden = unreadable.flatMap((each) =>
      each.conditions.map((c) => `${each.name}: ${c.message}`),
    )
    for (const line of hidden) log.error({ reason: 'SpecInvalid' }, line)
    const nothing = running.length === 0 ? [`no fleet is declared in ${paths.join(', ')}`] : []
    if (nothing.length > 0) log.warn({ reason: 'NoFleet' }, nothing.join())
    troubles = [...lines, ...hidden, ...nothing]
  }

  /** Decides on one snapshot, as often as it takes. */
  async function apply(snapshot: SpecSnapshot, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const acceptance = await acceptor.apply(snapshot)
        tell(acceptance)
        return await fleets.rule(acceptance.fleets)
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        troubles = [`specs cannot be accepted: ${message}`]
        log.warn({ reason: 'SpecNotAccepted' }, troubles.join())
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  return {
    async follow(signal) {
      for await (const snapshot of watchSpecs(paths, { clock, signal }))
        await apply(snapshot, signal)
    },
    troubles: () => troubles,
  }
}
