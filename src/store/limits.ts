import { RESERVATION_TTL_MS } from './store.ts'

/** Generations kept per fleet: enough to recognise a file that equals an earlier one, bounded for ever. */
export const GENERATIONS_KEPT = 50

/** Events kept over all fleets: days of quiet, or about an hour of the worst churn, in some 2 MB. */
export const EVENTS_KEPT = 5000

/** A repeat of an event this soon after the last one is folded into it, ms. */
export const FOLD_WITHIN_MS = 600_000

/** Events in an answer to a query that names no limit. */
export const DEFAULT_EVENTS = 200

/** How long a lapsed reservation is remembered, so that its holder can take it up again after an outage, ms. */
export const LAPSED_KEPT_MS = 10 * RESERVATION_TTL_MS

/** When no replica was heard for so long, sessions may have lapsed that still run, ms: holders renew every third of a lifetime. */
export const SILENCE_MS = RESERVATION_TTL_MS / 2

/** Contents of which it is remembered what infohash they have: some 100 bytes each, and engines tell it anew. */
export const ALIASES_KEPT = 10_000
