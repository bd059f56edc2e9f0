import type { Lease } from '../lease/lease.ts'
import type { Phase } from '../lifecycle/phase.ts'
import { ENGINES_OFFLINE } from '../observe/observation.ts'
import type { Endpoint, Store } from '../store/store.ts'
import { mergeConditions } from '../telemetry/conditions.ts'
import type { Logger } from '../telemetry/log.ts'
import type { FleetStatus, PlannedCondition, VpnStatus } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'

/** A status that has not changed is published again after this time, so that readers can tell how fresh it is, ms. */
const REPUBLISH_MS = 30_000

/** What a pass saw and decided, and the spec that it was planned by: another may rule when it is told. */
export type Picture = Pick<
  FleetStatus,
  'generation' | 'specHash' | 'replicas' | 'engines' | 'vpns' | 'forwarding' | 'observedAt'
>

export interface StatusKeeperParts {
  readonly fleet: string
  readonly store: Pick<Store, 'publish' | 'statuses'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  /** Who leads, for people. */
  readonly holder: string
}

/** Keeps one fleet's status: what stands, what it becomes, and whether readers have it. */
export interface StatusKeeper {
  /** As it stands; undefined before the first one. */
  current(): FleetStatus | undefined
  /** Goes on from the last published status: what stood before a new process or leader is no news. */
  recall(): Promise<void>
  /** Others may have led, and published, since this process did. */
  forget(): void
  /** The store is this one now: another than before has nothing of what was published, and gets it at once. */
  meet(incarnation: string): void
  /** What the status becomes: conditions keep the time since which they stand. */
  next(picture: Picture, planned: readonly PlannedCondition[], lease: Lease): FleetStatus
  /** Writes the status and the endpoints for claims, unless readers have both and they are young. */
  publish(status: FleetStatus, maxStreams: number, lease: Lease): Promise<void>
}

const LEAVING: ReadonlySet<Phase> = new Set(['Draining', 'Stopping', 'Exited'])

/**
 * Engines as claims see them. One whose VPN is down would play nothing, though it answers. Where every engine says that
 * it reaches nothing no new stream is sent while another node is up; the streams that it has stay.
 */
function endpointsOf(
  { engines, vpns }: FleetStatus,
  maxStreams: number,
  { epoch }: Lease,
): readonly Endpoint[] {
  const named = (is: (vpn: VpnStatus) => boolean) =>
    new Set(vpns.flatMap((each) => (is(each) ? [each.name] : [])))
  const down = named(({ state }) => state === 'down')
  const isAnyUp = vpns.some(({ state }) => state === 'up')
  const doubted = named(({ reason }) => isAnyUp && reason === ENGINES_OFFLINE)
  return engines.flatMap(
    ({ containerId, address: host, port, slot, forwarded, vpn, ...engine }) => {
      if (containerId === undefined || host === undefined || port === undefined) return []
      const isCut = down.has(vpn ?? '')
      const ready = engine.ready && !isCut && !doubted.has(vpn ?? '')
      const leaving = isCut || engine.dead || LEAVING.has(engine.phase)
      return [{ containerId, slot, host, port, ready, forwarded, vpn, maxStreams, leaving, epoch }]
    },
  )
}

/** What tells two statuses apart; when they were observed does not. */
const contentOf = (status: FleetStatus | undefined) => JSON.stringify({ ...status, observedAt: 0 })

export function makeStatusKeeper(parts: StatusKeeperParts): StatusKeeper {
  const { fleet, store, clock, log, holder } = parts
  let current: FleetStatus | undefined
  let publishedAt = -Infinity
  let met: string | undefined

  return {
    current: () => current,
    async recall() {
      current ??= (await store.statuses()).find((status) => status.fleet === fleet)
    },
    forget() {
      current = undefined
      publishedAt = -Infinity
    },
    meet(incarnation) {
      if (met !== undefined && met !== incarnation) publishedAt = -Infinity
      met = incarnation
    },
    next(picture, planned, { epoch }) {
      const before = current?.conditions ?? []
      const { conditions, turns } = mergeConditions(before, planned, clock.now())
      for (const { turned, condition } of turns) {
        const { type, reason, message } = condition
        log.debug({ fleet, epoch, reason }, `condition ${type} turned ${turned}: ${message}`)
      }
      const { engines } = picture
      return {
        ...picture,
        fleet,
        epoch,
        leader: holder,
        ready: engines.filter((e) => e.ready).length,
        updated: engines.filter((e) => e.updated).length,
        forwarded: engines.find((e) => e.forwarded && e.ready)?.name,
        conditions,
      }
    },
    async publish(status, maxStreams, lease) {
      const isSame = contentOf(status) === contentOf(current)
      if (isSame && clock.now() - publishedAt < REPUBLISH_MS) return
      // Before it is sent: a write that fails may stand all the same, and what it said must not be taken back (I6).
      current = status
      publishedAt = -Infinity
      await store.publish(fleet, lease.epoch, status, endpointsOf(status, maxStreams, lease))
      publishedAt = clock.now()
    },
  }
}
