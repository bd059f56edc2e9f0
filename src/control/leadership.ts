import type { ContainerSummary, DockerReader } from '../docker/port.ts'
import { EPOCH_LABEL, FLEET_LABEL, INSTANCE_LABEL, readLabels } from '../engine/labels.ts'
import { type Lease, LeaseLost, type LeaseSource, type Tenure } from '../lease/lease.ts'
import { openTerm } from '../lease/term.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { Replica, Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Condition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import type { DockerAnswers } from './docker-answers.ts'
import type { FleetController } from './fleet-controller.ts'
import { growingPatience } from './patience.ts'
import type { Peers } from './peers.ts'
import { StepsAside, sightOf } from './sight.ts'
import { letGo, TermStuck } from './term-stuck.ts'
import { troubleOf } from './trouble.ts'

/** Wait between attempts to open a term while Docker or the store is away, and between the starts of two campaigns, ms. */
const RETRY_MS = 1_000
/** What rules is read in some round trips; who does not get to know it in this time must not keep others from leading, ms. */
const REFRESH_MS = 5_000
/** Who gave a lease back does not try for it meanwhile: four attempts of each standby, ms. */
const STEP_ASIDE_MS = 2_000

export interface LeadershipParts {
  readonly fleet: string
  readonly instance: string
  readonly holder: string
  readonly leases: LeaseSource
  readonly docker: DockerReader
  readonly answers: Pick<DockerAnswers, 'owedMs'>
  readonly store: Store
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
  readonly controller: Pick<FleetController, 'lead' | 'standDown' | 'trouble'>
  readonly peers: Peers
  /** The largest epoch of this fleet that this process has met, beside its own; 0 for none. */
  readonly largestSeen: () => number
}

/** One process's part in who leads a fleet. */
export interface Leadership {
  /**
   * Campaigns, serves term after term, and gives the right back at the end. Resolves when aborted.
   * @throws {TermStuck} when a term does not let go: the process is not to be trusted any more, and must end.
   */
  serve(signal: AbortSignal): Promise<void>
  /** The term that is served, as the others are told of it. */
  held(): Replica['leads'][string] | undefined
  /** Why no term begins although the lease is held. */
  trouble(): Condition | undefined
}

/** The highest epoch that any container of ours carries: labels cannot be changed, so they witness what a store forgot. */
function largestEpoch(rows: readonly ContainerSummary[], instance: string, fleet: string): number {
  const ours = rows.filter(
    (row) =>
      row.labels[INSTANCE_LABEL] === instance &&
      row.labels[FLEET_LABEL] === fleet &&
      row.labels[EPOCH_LABEL] !== undefined,
  )
  return Math.max(0, ...ours.map((row) => readLabels(row.labels).epoch))
}

/** Resolves when the signal is aborted, or an error is reported before. */
function whenOver(reported: Promise<Error>, signal: AbortSignal): Promise<unknown> {
  const aborted = new Promise((resolve) => {
    if (signal.aborted) return resolve(signal.reason)
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })
  return Promise.race([aborted, reported])
}

export function makeLeadership(parts: LeadershipParts): Leadership {
  const { leases, docker, store, clock, holder, instance, fleet, log, controller, peers } = parts
  let held: { readonly lease: Lease; readonly tenure: Tenure } | undefined
  let trouble: Condition | undefined
  /** The last term's epoch of this process; a store and labels may forget it. */
  let ownEpoch = 0
  const { answers } = parts
  const sight = sightOf({
    ...{ clock, peers, answers },
    troubles: () => [controller.trouble(), trouble],
  })
  const patience = growingPatience(peers.patience, clock)

  /** A standby may not have heard yet that the fleet is deleted, or ruled by another generation. */
  async function refresh(signal: AbortSignal): Promise<void> {
    const late = new AbortController()
    using _ = clock.timer(REFRESH_MS, () =>
      late.abort(
        new StoreUnavailable(`what rules could not be read anew within ${REFRESH_MS / 1_000} s`),
      ),
    )
    await peers.refresh(AbortSignal.any([signal, late.signal]))
  }

  async function open(tenure: Tenure, signal: AbortSignal): Promise<Lease> {
    await refresh(signal)
    const rows = await docker.list(signal)
    const largestLabel = largestEpoch(rows, instance, fleet)
    const largestSeen = Math.max(ownEpoch, parts.largestSeen())
    return await openTerm({ tenure, store, holder, largestLabel, largestSeen, clock })
  }

  async function openWhenPossible(tenure: Tenure, signal: AbortSignal): Promise<Lease> {
    for (;;) {
      tenure.assertHeld()
      try {
        const lease = await open(tenure, signal)
        trouble = undefined
        return lease
      } catch (error) {
        signal.throwIfAborted()
        tenure.assertHeld()
        const before = trouble?.message
        trouble = troubleOf(error, trouble, clock.now())
        if (trouble.message !== before)
          log.warn({ fleet, reason: 'TermNotOpened' }, `cannot begin to act: ${trouble.message}`)
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  /** Resolves when the term is over, for whatever reason; rejects when none could begin. */
  async function serveTerm(tenure: Tenure, ending: AbortSignal): Promise<void> {
    // Signals of its own: listeners on the process's would pile up, term after term.
    using blind = sight.ofLeader(patience.now())
    const over = AbortSignal.any([tenure.lost, blind.signal, ending])
    const lease = await openWhenPossible(tenure, over)
    const reported = Promise.withResolvers<Error>()
    const tell = (
      type: 'Normal' | 'Warning',
      reason: 'LeaseGained' | 'LeaseLost',
      message: string,
    ) => parts.record({ at: clock.now(), fleet, type, reason, message, epoch: lease.epoch })
    tell('Normal', 'LeaseGained', `leads fleet ${fleet} with epoch ${lease.epoch}`)
    held = { lease, tenure }
    ownEpoch = lease.epoch
    controller.lead(lease, reported.resolve)
    const why = await whenOver(reported.promise, over)
    if (ending.aborted) return
    const message = why instanceof Error ? why.message : String(why)
    tell('Warning', 'LeaseLost', `leads fleet ${fleet} no more: ${message}`)
    if (why instanceof StepsAside) throw why
  }

  async function campaign(signal: AbortSignal): Promise<Tenure> {
    using blind = sight.ofStandby(peers.patience)
    return await leases.campaign(fleet, AbortSignal.any([blind.signal, signal]))
  }

  async function serveTenure(signal: AbortSignal): Promise<void> {
    const tenure = await campaign(signal)
    try {
      await serveTerm(tenure, signal)
    } catch (error) {
      if (error instanceof StepsAside) patience.lose()
      throw error
    } finally {
      held = undefined
      trouble = undefined
      try {
        await letGo(fleet, controller.standDown(), clock)
      } finally {
        // Also when something is stuck: from then on assertHeld refuses whatever it is still about.
        await tenure.release()
      }
    }
  }

  /** What the end of a campaign or a term means for the next. */
  async function digest(error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof TermStuck) throw error
    if (signal.aborted) return
    if (error instanceof StepsAside) {
      log.warn({ fleet, reason: 'StepsAside' }, error.message)
      return await clock.sleep(STEP_ASIDE_MS, signal).catch(() => {})
    }
    // Lost before it could begin: that is what campaigns are for.
    if (!(error instanceof LeaseLost))
      log.error({ fleet, err: error, reason: 'CampaignFailed' }, 'could not lead, trying again')
  }

  return {
    async serve(signal) {
      while (!signal.aborted) {
        const begunAt = clock.monotonic()
        try {
          await sight.regained(peers.patience, signal)
          await serveTenure(signal)
        } catch (error) {
          await digest(error, signal)
        }
        const wait = begunAt + RETRY_MS - clock.monotonic()
        if (!signal.aborted && wait > 0) await clock.sleep(wait, signal).catch(() => {})
      }
    },
    held() {
      if (held === undefined) return undefined
      const leaseMs = held.tenure.remainingMs()
      return { epoch: held.lease.epoch, leaseMs: Number.isFinite(leaseMs) ? leaseMs : null }
    },
    trouble: () => trouble,
  }
}
