import type { ContainerSummary, DockerReader } from '../docker/port.ts'
import { EPOCH_LABEL, FLEET_LABEL, INSTANCE_LABEL, readLabels } from '../engine/labels.ts'
import { type Lease, LeaseLost, type LeaseSource, type Tenure } from '../lease/lease.ts'
import { openTerm } from '../lease/term.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { FleetController } from './fleet-controller.ts'

/** Wait between attempts to open a term while Docker or the store is away, and after a lost one, ms. */
const RETRY_MS = 1_000

export interface LeadershipParts {
  readonly fleet: string
  readonly instance: string
  readonly holder: string
  readonly leases: LeaseSource
  readonly docker: DockerReader
  readonly store: Store
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
  readonly controller: FleetController
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

/** Resolves when the lease is lost, an error says so, or the signal ends the process. */
function whenOver(lease: Lease, reported: Promise<Error>, signal: AbortSignal): Promise<unknown> {
  // A signal of its own: listeners on the process's would pile up, term after term.
  const either = AbortSignal.any([lease.lost, signal])
  const aborted = new Promise((resolve) => {
    if (either.aborted) return resolve(either.reason)
    either.addEventListener('abort', () => resolve(either.reason), { once: true })
  })
  return Promise.race([aborted, reported])
}

async function openWhenPossible(
  parts: LeadershipParts,
  tenure: Tenure,
  signal: AbortSignal,
): Promise<Lease> {
  const { docker, store, clock, holder, instance, fleet, log } = parts
  let said = ''
  for (;;) {
    tenure.assertHeld()
    try {
      const rows = await docker.list(signal)
      return await openTerm({
        tenure,
        store,
        holder,
        largestLabel: largestEpoch(rows, instance, fleet),
        largestSeen: 0,
        clock,
      })
    } catch (error) {
      signal.throwIfAborted()
      tenure.assertHeld()
      const message = error instanceof Error ? error.message : String(error)
      if (message !== said)
        log.warn({ fleet, reason: 'TermNotOpened' }, `cannot begin to act: ${message}`)
      said = message
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

async function serveTerm(
  parts: LeadershipParts,
  tenure: Tenure,
  signal: AbortSignal,
): Promise<void> {
  const { controller, record, clock, fleet } = parts
  const lease = await openWhenPossible(parts, tenure, signal)
  const reported = Promise.withResolvers<Error>()
  const tell = (type: 'Normal' | 'Warning', reason: 'LeaseGained' | 'LeaseLost', message: string) =>
    record({ at: clock.now(), fleet, type, reason, message, epoch: lease.epoch })
  tell('Normal', 'LeaseGained', `leads fleet ${fleet} with epoch ${lease.epoch}`)
  controller.lead(lease, reported.resolve)
  const why = await whenOver(lease, reported.promise, signal)
  await controller.standDown()
  if (!signal.aborted) {
    const message = why instanceof Error ? why.message : String(why)
    tell('Warning', 'LeaseLost', `leads fleet ${fleet} no more: ${message}`)
  }
}

/** Campaigns for a fleet, serves term after term, and gives the right back at the end. Resolves when aborted. */
export async function leadForever(parts: LeadershipParts, signal: AbortSignal): Promise<void> {
  const { leases, fleet, clock, log } = parts
  while (!signal.aborted) {
    try {
      const tenure = await leases.campaign(fleet, signal)
      try {
        await serveTerm(parts, tenure, signal)
      } finally {
        await parts.controller.standDown()
        await tenure.release()
      }
    } catch (error) {
      if (signal.aborted) return
      // Lost before it could begin: that is what campaigns are for.
      if (!(error instanceof LeaseLost))
        log.error({ fleet, err: error, reason: 'CampaignFailed' }, 'could not lead, trying again')
    }
    if (!signal.aborted) await clock.sleep(RETRY_MS, signal).catch(() => {})
  }
}
