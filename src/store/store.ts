import type { ContainerId } from '../docker/port.ts'
import type { Epoch } from '../lease/lease.ts'
import type { FleetEvent, NewFleetEvent } from '../telemetry/event.ts'
import type { FleetStatus } from '../telemetry/status.ts'
import type { Claim, ClaimAnswer, Identified } from './claim.ts'
import type { Mark } from './mark.ts'
import type { NodeNote } from './node-note.ts'
import type { SessionFigures } from './session-figures.ts'
import type { EngineStat, SessionStat } from './session-stat.ts'

/** What is remembered of one engine container beside its labels. */
export interface EngineNote {
  /** Unix ms of its first good answer ever: from then on its phase is Running or later (I6). */
  readonly firstReadyAt: number
}

/** How often the place of a slot has failed in a row, and when it may be filled again. */
export interface Backoff {
  readonly failures: number
  /** Unix ms before which no replacement is created. */
  readonly notBefore: number
  /** The container whose failure was counted last: counting it again changes nothing. */
  readonly containerId: ContainerId
}

/** Sessions reserved on one engine that have not expired. */
export interface StreamLoad {
  readonly active: number
  readonly pending: number
  /** Unix ms at which bytes last flowed on any of its streams; 0 when none ever did. */
  readonly lastBytesAt: number
  /** Of its P2P side; undefined while no session tells. */
  readonly stat?: EngineStat | undefined
}

/** What a user asked of a running server. Carried out by whoever leads, and kept until it is taken back or done. */
export type UserRequest =
  | { readonly kind: 'cordon'; readonly node: string }
  | { readonly kind: 'drainNode'; readonly node: string }
  | { readonly kind: 'drainEngine'; readonly containerId: ContainerId }
  /** That the fleet's one forwarded engine be there, once; a new one replaces an older one. */
  | { readonly kind: 'forward'; readonly node: string }
  | { readonly kind: 'delete' }

/** A rollout's record of engines that failed their start under one spec hash. */
export interface RolloutNote {
  readonly specHash: string
  readonly failedStarts: number
  /** For people: what failed. */
  readonly lastFailure: string
  /** Unix ms; an engine of the hash that is ready later lifts the pause. */
  readonly lastFailureAt: number
}

/** All that one fleet's planning needs and Docker cannot tell, read in one consistent snapshot. */
export interface FleetMemory {
  /** Changes when the store forgot. */
  readonly incarnation: string
  /** Unix ms at which this incarnation began: stream counts are unknown until one reservation lifetime later. */
  readonly bornAt: number
  readonly marks: ReadonlyMap<ContainerId, Mark>
  readonly engines: ReadonlyMap<ContainerId, EngineNote>
  readonly streams: ReadonlyMap<ContainerId, StreamLoad>
  /** By slot name. */
  readonly backoff: ReadonlyMap<string, Backoff>
  readonly requests: readonly UserRequest[]
  readonly rollout: RolloutNote | undefined
  /** By VPN node. */
  readonly nodes: ReadonlyMap<string, NodeNote>
}

/** A spec that was accepted; the highest generation rules. */
export interface AcceptedSpec {
  readonly fleet: string
  /** 1, 2, 3 … per fleet. */
  readonly generation: number
  /** Hash of the normalised document. */
  readonly hash: string
  /** The normalised document, as JSON. */
  readonly document: unknown
  /** Where it came from, for people: `specs/demo.yaml`. */
  readonly source: string
  readonly acceptedAt: number
}

/** An engine as claims see it; published by the leader, used also while there is none. */
export interface Endpoint {
  readonly containerId: ContainerId
  readonly slot: string
  readonly host: string
  readonly port: number
  readonly ready: boolean
  readonly forwarded: boolean
  readonly vpn: string | undefined
  readonly maxStreams: number
  /** Draining, dead, or behind a VPN that is down: its streams are to move to another engine. */
  readonly leaving: boolean
  readonly epoch: Epoch
}

/** One claimed engine session. */
export interface Reservation {
  readonly id: string
  readonly containerId: ContainerId
  readonly content: string
  readonly holder: string
  readonly state: 'pending' | 'active'
  /** Unix ms; the holder renews before it. */
  readonly expiresAt: number
  readonly lastBytesAt: number
  /** Where other gateways reach the holder: the base of a URL; empty when nowhere. */
  readonly relay: string
  /** What the engine last said of the session; a renewal without it tells nothing any more. */
  readonly stat?: SessionStat | undefined
  /** What its holder knows of it; likewise. */
  readonly figures?: SessionFigures | undefined
}

/** What came of reserving or renewing: see {@link Store.reserve}. */
export type Reserved = 'reserved' | 'full' | 'marked' | 'unsettled' | 'taken'

/** How long a reservation lives unless its holder renews it, ms: three renewals of 5 s. */
export const RESERVATION_TTL_MS = 15_000

/** How a replica keeps the lease: it means something only where all of them do the same. */
export interface LeaseSettings {
  /** A hash of where its lease servers are; neither addresses nor credentials. */
  readonly servers: string
  /** How many they are. */
  readonly count: number
  readonly ttlMs: number
  readonly renewMs: number
}

/** A controller process, as it tells the others of itself. */
export interface Replica {
  /** `host:pid`, unique among the living. */
  readonly holder: string
  /** Unix ms. */
  readonly startedAt: number
  /** By fleet, what its own files declare soundly: the hash, and where. A fleet that they do not declare is absent. */
  readonly declares: Readonly<Record<string, { readonly hash: string; readonly source: string }>>
  /** By fleet that it leads: under which epoch, and ms until its lease lapses unless renewed (null: never). */
  readonly leads: Readonly<
    Record<string, { readonly epoch: Epoch; readonly leaseMs: number | null }>
  >
  /** How long ago Docker answered it, ms; null when it never did. */
  readonly dockerAgoMs: number | null
  /** How it keeps leases; null where it does not say. */
  readonly lease: LeaseSettings | null
  /** It can lead nothing: it serves streams, or reads. */
  readonly isOnlooker?: boolean | undefined
}

/** What a process learns of the others once a second. */
export interface Glance {
  /** Changes when the store forgot. */
  readonly incarnation: string
  /** Moves with every request and accepted spec of any fleet, whoever wrote it. */
  readonly revision: number
  /** All that announced themselves within {@link REPLICA_TTL_MS}, the asking one included, and how long ago, ms. */
  readonly replicas: readonly (Replica & { readonly agoMs: number })[]
  /** By fleet, the largest epoch opened. */
  readonly epochs: ReadonlyMap<string, number>
}

/** A replica that has been silent so long is not there any more, ms: five announcements. */
export const REPLICA_TTL_MS = 5_000

export interface EventQuery {
  readonly fleet?: string | undefined
  /** Only events with a greater sequence number. */
  readonly after?: number | undefined
  /** The newest so many; 200 by default. Oldest first in the answer. */
  readonly limit?: number | undefined
}

/**
 * What Docker cannot tell. Two implementations pass one conformance suite. Every method may reject with
 * {@link StoreUnavailable}; methods that take an epoch reject with {@link StaleEpoch} when a higher one has been opened.
 * One above what the store has opened is taken over: only a lease gives epochs, so it is the store that has forgotten.
 */
export interface Store extends AsyncDisposable {
  /** Opens a term: stores and returns `max(stored + 1, largestLabel + 1, nowMs)`. */
  openTerm(fleet: string, holder: string, largestLabel: number, nowMs: number): Promise<Epoch>
  readFleet(fleet: string, nowMs: number): Promise<FleetMemory>

  /** Marks a container, or hardens its mark (see `harden`); answers what now stands. Idempotent. */
  mark(fleet: string, mark: Mark): Promise<Mark>
  /** The first call for a container wins. */
  noteReady(fleet: string, epoch: Epoch, id: ContainerId, at: number): Promise<void>
  /** Forgets mark, note, reservations and drain request of a container that a list showed to be gone. */
  forget(fleet: string, epoch: Epoch, id: ContainerId): Promise<void>
  setBackoff(fleet: string, epoch: Epoch, slot: string, backoff: Backoff | undefined): Promise<void>
  setRollout(fleet: string, epoch: Epoch, note: RolloutNote | undefined): Promise<void>
  setNodeNote(fleet: string, epoch: Epoch, node: string, note: NodeNote | undefined): Promise<void>
  publish(
    fleet: string,
    epoch: Epoch,
    status: FleetStatus,
    endpoints: readonly Endpoint[],
  ): Promise<void>
  /**
   * After `acefleet delete` has removed every container: forgets all, accepted specs included, but the events, and the
   * epoch, so that a namesake's terms go on growing.
   */
  dropFleet(fleet: string, epoch: Epoch): Promise<void>

  /** Idempotent. Of requests of kind `forward` a fleet has one: a new one takes the place of an older one. */
  addRequest(fleet: string, request: UserRequest): Promise<void>
  /** Idempotent. */
  removeRequest(fleet: string, request: UserRequest): Promise<void>
  /** The leader's own taking back of what is done. One that is not there is fine. */
  endRequest(fleet: string, epoch: Epoch, request: UserRequest): Promise<void>

  /** The highest generation of every fleet. */
  acceptedSpecs(): Promise<readonly AcceptedSpec[]>
  /** Generations that had this hash, newest first; empty when there is none. */
  generationsOf(fleet: string, hash: string): Promise<readonly number[]>
  /**
   * Compare-and-set: succeeds only as generation `spec.generation` on top of `spec.generation - 1`, or as any where none
   * is remembered: whoever ran a generation when the store forgot brings it back under its own number.
   */
  acceptSpec(spec: AcceptedSpec): Promise<boolean>

  statuses(): Promise<readonly FleetStatus[]>
  endpoints(fleet: string): Promise<readonly Endpoint[]>

  /** Tells the others that this process lives, and what it knows; answers what they told. Once a second. */
  announce(replica: Replica): Promise<Glance>

  /** Repeats of (fleet, slot, reason, message) within ten minutes are folded into one with a count. */
  appendEvents(events: readonly NewFleetEvent[]): Promise<void>
  events(query: EventQuery): Promise<readonly FleetEvent[]>

  /**
   * Reserves a session on an engine, atomically: never beyond `maxStreams`, never on a marked engine (I3, I7).
   * A repeat with the same id, holder and engine renews it: always while it lives, so that a draining engine does not
   * seem idle (I5), and after it lapsed if there is still room and no stop decided. An id of another holder's that lives
   * answers `full`. A store younger than one reservation lifetime may have forgotten sessions that still run: until then
   * it takes up those that are `active`, whose holders assert them, and answers `unsettled` to new ones (`pending`).
   * What lapsed or was forgotten is `taken` when the content is played by another session meanwhile.
   */
  reserve(
    fleet: string,
    reservation: Reservation,
    maxStreams: number,
    nowMs: number,
  ): Promise<Reserved>
  /**
   * Chooses an engine for a content and reserves a pending session there, in one atomic step, unless a session of that
   * content lives (I3). Of the published engines that are ready, unmarked and have room: the one with the fewest
   * sessions, then a forwarded one, then the one that was claimed or released longest ago.
   */
  claim(fleet: string, claim: Claim, nowMs: number): Promise<ClaimAnswer>
  /**
   * Tells, once an engine has said so, which infohash a session's content has: from then on the session goes by that, and
   * claims by either find it. `content` is what it was claimed by.
   */
  identify(
    fleet: string,
    reservationId: string,
    content: string,
    infohash: string,
  ): Promise<Identified>
  /** What the gateways of an instance know each other by: the first candidate that was offered, until the store forgets. */
  relayKey(candidate: string): Promise<string>
  /** Sessions that live, by id. */
  sessions(fleet: string, nowMs: number): Promise<readonly Reservation[]>
  /** Unknown ids are fine. */
  release(fleet: string, reservationId: string, nowMs: number): Promise<void>
}
