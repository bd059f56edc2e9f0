import type { Clock } from '../../time/clock.ts'
import type { Store } from '../store.ts'
import { acceptedSpecs, acceptSpec, generationsOf } from './accepted-specs.ts'
import { claim, identify, sessions } from './claims.ts'
import { followClock } from './clock-steps.ts'
import type { Database } from './database.ts'
import { fence, openTerm } from './epoch.ts'
import { appendEvents, readEvents } from './events.ts'
import {
  dropFleet,
  forget,
  noteReady,
  readFleet,
  setBackoff,
  setNodeNote,
  setRollout,
  writeMark,
} from './memory.ts'
import { publish, readEndpoints, statuses } from './published.ts'
import { glance } from './replicas.ts'
import { addRequest, removeRequest, removeRequestsFor } from './requests.ts'
import { release, reserve } from './reservations.ts'

/**
 * The store over one database: each method is one transaction. They are async for the interface's sake and run to their
 * end in the caller's tick. What the world depends on is written durably; what is renewed or computed anew within
 * seconds is not (see Durability). With a clock it follows that clock's being set; without one it may be only read.
 */
export function embeddedStore(
  database: Database,
  clock?: Pick<Clock, 'now' | 'monotonic'> | undefined,
): Store {
  const steps = clock && followClock(database, clock)
  const read: Database['read'] = (work) => {
    steps?.follow()
    return database.read(work)
  }
  const write: Database['write'] = (durability, work) => {
    steps?.follow()
    return database.write(durability, work)
  }
  // Nobody else writes what it counts.
  let revision = 0
  // Only this process can offer one.
  let relayKey: string | undefined
  return {
    openTerm: async (fleet, holder, largestLabel, nowMs) =>
      write('durable', (sql) => openTerm(sql, fleet, holder, largestLabel, nowMs)),
    readFleet: async (fleet, nowMs) => read((sql) => readFleet(sql, fleet, nowMs)),

    mark: async (fleet, mark) =>
      write('durable', (sql) => {
        fence(sql, fleet, mark.epoch)
        return writeMark(sql, fleet, mark)
      }),
    noteReady: async (fleet, epoch, id, at) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        noteReady(sql, fleet, id, at)
      }),
    forget: async (fleet, epoch, id) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        forget(sql, fleet, id)
        removeRequestsFor(sql, fleet, id)
      }),
    setBackoff: async (fleet, epoch, slot, backoff) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        setBackoff(sql, fleet, slot, backoff)
      }),
    setRollout: async (fleet, epoch, note) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        setRollout(sql, fleet, note)
      }),
    setNodeNote: async (fleet, epoch, node, note) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        setNodeNote(sql, fleet, node, note)
      }),
    publish: async (fleet, epoch, status, endpoints) =>
      write('volatile', (sql) => {
        fence(sql, fleet, epoch)
        publish(sql, fleet, status, endpoints)
      }),
    dropFleet: async (fleet, epoch) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        dropFleet(sql, fleet)
        revision += 1
      }),

    addRequest: async (fleet, request) =>
      write('durable', (sql) => {
        if (addRequest(sql, fleet, request)) revision += 1
      }),
    removeRequest: async (fleet, request) =>
      write('durable', (sql) => {
        if (removeRequest(sql, fleet, request)) revision += 1
      }),
    endRequest: async (fleet, epoch, request) =>
      write('durable', (sql) => {
        fence(sql, fleet, epoch)
        if (removeRequest(sql, fleet, request)) revision += 1
      }),

    acceptedSpecs: async () => read(acceptedSpecs),
    generationsOf: async (fleet, hash) => read((sql) => generationsOf(sql, fleet, hash)),
    acceptSpec: async (spec) =>
      write('durable', (sql) => {
        const isAccepted = acceptSpec(sql, spec)
        if (isAccepted) revision += 1
        return isAccepted
      }),

    announce: async (replica) => read((sql) => glance(sql, replica, revision)),

    statuses: async () => read(statuses),
    endpoints: async (fleet) => read((sql) => readEndpoints(sql, fleet)),

    appendEvents: async (events) => write('volatile', (sql) => appendEvents(sql, events)),
    events: async (query) => read((sql) => readEvents(sql, query)),

    reserve: async (fleet, reservation, maxStreams, nowMs) =>
      write('volatile', (sql) => reserve(sql, fleet, reservation, maxStreams, nowMs)),
    claim: async (fleet, wanted, nowMs) =>
      write('volatile', (sql) => claim(sql, fleet, wanted, nowMs)),
    identify: async (fleet, id, content, infohash) =>
      write('volatile', (sql) => identify(sql, fleet, id, content, infohash)),
    relayKey: async (candidate) => {
      relayKey ??= candidate
      return relayKey
    },
    sessions: async (fleet, nowMs) => read((sql) => sessions(sql, fleet, nowMs)),
    release: async (fleet, id, nowMs) => write('volatile', (sql) => release(sql, fleet, id, nowMs)),

    [Symbol.asyncDispose]: async () => database[Symbol.dispose](),
  }
}
