import { RESERVATION_TTL_MS, type Reservation } from '../../../src/store/store.ts'
import { FLEET, type StoreBench, session } from './sample.ts'

/** Reserves for so long from now on. */
export function reserveFor(
  { store, now }: StoreBench,
  name: string,
  {
    maxStreams = 1,
    lifeMs = RESERVATION_TTL_MS,
    ...change
  }: Partial<Reservation> & {
    readonly maxStreams?: number
    readonly lifeMs?: number
  } = {},
) {
  const nowMs = now()
  const wanted = session(name, { expiresAt: nowMs + lifeMs, ...change })
  return store.reserve(FLEET, wanted, maxStreams, nowMs)
}
