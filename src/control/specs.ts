import {
  type Acceptance,
  type AcceptorParts,
  makeSpecAcceptor,
  StoreTooYoung,
} from '../spec/acceptance.ts'
import { formatProblem, printPlace } from '../spec/problem.ts'
import { type SpecSnapshot, watchSpecs } from '../spec/source.ts'
import type { Replica, Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { Fleets } from './fleets.ts'

/** Wait before specs are decided on again when the store did not answer, ms. */
const RETRY_MS = 1_000

export interface SpecsParts extends Pick<AcceptorParts, 'lookAround' | 'patienceMs'> {
  readonly paths: readonly string[]
  readonly store: Store
  readonly fleets: Fleets
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
}

/** What stands between the spec files and running fleets. */
export interface SpecsFollower {
  /** Watches the files and has the fleets ruled by them until aborted. */
  follow(signal: AbortSignal): Promise<void>
  /**
   * Decides anew on the same files: another replica may have changed what the store has. Resolves when the fleets are
   * ruled by what the store says after this call; at once where nothing has been decided yet.
   */
  again(): Promise<void>
  /** What the files declare soundly. */
  declares(): Replica['declares']
  /** Empty when there is nothing in the way. */
  troubles(): readonly string[]
}

/** What is told once, until it changes. */
function makeTold() {
  let told: readonly string[] = []
  return (lines: readonly string[]): ReadonlySet<string> => {
    const news = new Set(lines.filter((line) => !told.includes(line)))
    told = lines
    return news
  }
}

export function makeSpecsFollower(parts: SpecsParts): SpecsFollower {
  const { paths, fleets, clock, record, log } = parts
  const acceptor = makeSpecAcceptor(parts)
  const [newsOfProblems, newsOfVotes] = [makeTold(), makeTold()]
  let troubles: readonly string[] = ['the specs have not been read yet']
  let latest: SpecSnapshot | undefined
  let following: AbortSignal | undefined
  /** Decisions are made one after the other; this is the end of the last. */
  let turn: Promise<unknown> = Promise.resolve()
  /** A repetition that has not begun yet: whoever asks for another one shares it. */
  let repetition: Promise<void> | undefined

  function tellAccepted({ accepted, broughtBack }: Acceptance): void {
    for (const { fleet, generation, source } of accepted) {
      const message = `generation ${generation} accepted from ${source}`
      record({ at: clock.now(), fleet, type: 'Normal', reason: 'SpecAccepted', message })
    }
    for (const { fleet, generation } of broughtBack)
      log.warn(
        { fleet, reason: 'SpecBroughtBack' },
        `the store has lost generation ${generation}, which ruled here: it is told again`,
      )
  }

  function tellOutvoted({ outvoted }: Acceptance): void {
    const lines = outvoted.map(
      ({ candidate: { fleet, source, line }, kept }) =>
        `${printPlace({ file: source, line })} declares fleet ${fleet.name} otherwise than generation ` +
        `${kept.generation}, which rules and which other replicas declare too: save the file once more ` +
        'to have it rule, or bring it up to date',
    )
    for (const line of newsOfVotes(lines)) log.warn({ reason: 'SpecMismatch' }, line)
  }

  function tell(acceptance: Acceptance): void {
    const { problems, fleets: running, unreadable } = acceptance
    tellAccepted(acceptance)
    tellOutvoted(acceptance)
    const lines = problems.map(formatProblem)
    const news = newsOfProblems(lines)
    for (const problem of problems) {
      const message = formatProblem(problem)
      if (!news.has(message)) continue
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
        const line = `specs cannot be accepted: ${message}`
        const isYoung = error instanceof StoreTooYoung
        if (!troubles.includes(line))
          log[isYoung ? 'info' : 'warn']({ reason: 'SpecNotAccepted' }, line)
        troubles = [line]
        await clock.sleep(isYoung ? error.waitMs : RETRY_MS, signal)
      }
    }
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  return {
    async follow(signal) {
      following = signal
      for await (const snapshot of watchSpecs(paths, { clock, signal })) {
        latest = snapshot
        await inTurn(() => apply(snapshot, signal))
      }
    },
    again() {
      repetition ??= inTurn(async () => {
        repetition = undefined
        if (latest !== undefined && following !== undefined) await apply(latest, following)
      })
      return repetition
    },
    declares: () =>
      Object.fromEntries(
        (latest?.fleets ?? []).map(({ fleet, hash, source, line }) => [
          fleet.name,
          { hash, source: printPlace({ file: source, line }) },
        ]),
      ),
    troubles: () => troubles,
  }
}
