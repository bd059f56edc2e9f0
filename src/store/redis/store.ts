import type { Clock } from '../../time/clock.ts'
import type { Store } from '../store.ts'
import { acceptedSpecs, acceptSpec, generationsOf } from './accepted-specs.ts'
import { claim, identify, sessions } from './claims.ts'
import { type DataOptions, openData } from './data.ts'
import { openTerm } from './epoch.ts'
import { appendEvents, readEvents } from './events.ts'
import { writeMark } from './marks.ts'
import {
  dropFleet,
  forget,
  noteReady,
  readFleet,
  setBackoff,
  setNodeNote,
  setRollout,
} from './memory.ts'
import { publish, readEndpoints, statuses } from './published.ts'
import { relayKey } from './relay-key.ts'
import { announce } from './replicas.ts'
import { addRequest, endRequest, removeRequest } from './requests.ts'
import { release, reserve } from './reservations.ts'
import { makeSteadyMemory } from './steady-memory.ts'

export interface RedisStoreOptions extends DataOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}

/**
 * The store on a Redis server, that several processes share: each method is one script. Instants that callers give and
 * get are by their own clocks; what lapses does so by the server's. The connection stays its owner's to close.
 */
export function openRedisStore(options: RedisStoreOptions): Store {
  const data = openData(options)
  const steady = makeSteadyMemory(options.clock)
  return {
    openTerm: (fleet, holder, largestLabel, nowMs) =>
      openTerm(data, fleet, holder, largestLabel, nowMs),
    readFleet: (fleet) => steady.readFleet(fleet, () => readFleet(data, fleet)),

    mark: (fleet, mark) => steady.mark(fleet, mark, () => writeMark(data, fleet, mark)),
    noteReady: (fleet, epoch, id, at) => noteReady(data, fleet, epoch, id, at),
    forget: (fleet, epoch, id) => forget(data, fleet, epoch, id),
    setBackoff: (fleet, epoch, slot, backoff) => setBackoff(data, fleet, epoch, slot, backoff),
    setRollout: (fleet, epoch, note) => setRollout(data, fleet, epoch, note),
    setNodeNote: (fleet, epoch, node, note) => setNodeNote(data, fleet, epoch, node, note),
    publish: (fleet, epoch, status, endpoints) => publish(data, fleet, epoch, status, endpoints),
    dropFleet: (fleet, epoch) => dropFleet(data, fleet, epoch),

    addRequest: (fleet, request) => addRequest(data, fleet, request),
    removeRequest: (fleet, request) => removeRequest(data, fleet, request),
    endRequest: (fleet, epoch, request) => endRequest(data, fleet, epoch, request),

    acceptedSpecs: () => acceptedSpecs(data),
    generationsOf: (fleet, hash) => generationsOf(data, fleet, hash),
    acceptSpec: (spec) => acceptSpec(data, spec),

    announce: (replica) => announce(data, replica),

    statuses: () => statuses(data),
    endpoints: (fleet) => readEndpoints(data, fleet),

    appendEvents: (events) => appendEvents(data, events),
    events: (query) => readEvents(data, query),

    reserve: (fleet, reservation, maxStreams, nowMs) =>
      reserve(data, fleet, reservation, maxStreams, nowMs),
    claim: (fleet, wanted, nowMs) => claim(data, fleet, wanted, nowMs),
    identify: (fleet, id, content, infohash) => identify(data, fleet, id, content, infohash),
    sessions: (fleet) => sessions(data, fleet),
    relayKey: (candidate) => relayKey(data, candidate),
    release: (fleet, id) => release(data, fleet, id),

    [Symbol.asyncDispose]: async () => {},
  }
}
