import type { ContainerId } from '../../../src/docker/port.ts'
import type { Epoch } from '../../../src/lease/lease.ts'
import type { Mark } from '../../../src/store/mark.ts'
import type { AcceptedSpec, Endpoint, Reservation, Store } from '../../../src/store/store.ts'
import type { NewFleetEvent } from '../../../src/telemetry/event.ts'
import type { FleetStatus } from '../../../src/telemetry/status.ts'

/** A store of the kind under test, and the time that it lives in. */
export interface StoreBench extends AsyncDisposable {
  readonly store: Store
  /** Unix ms as the store's callers have it. */
  now(): number
  /** Lets so much time pass: an invented clock moves on, or the test waits. */
  pass(ms: number): Promise<void>
  /** The machine's clock is set, the store's with it. */
  setClock(ms: number): void
}

/** `settled`: old enough to know every session that may run. */
export type StoreAge = 'new' | 'settled'

/** Opens an empty store of the kind under test, a new one by default. */
export type OpenStore = (age?: StoreAge) => Promise<StoreBench>

/** Some moment of 2023 at which the suite's tests begin: behind every real clock. */
export const T0 = 1_700_000_000_000

export const FLEET = 'home'

/** A full container id from one hex digit. */
export function id(digit: string): ContainerId {
  return digit.repeat(64) as ContainerId
}

export function leadFrom(store: Store, nowMs = T0): Promise<Epoch> {
  return store.openTerm(FLEET, 'host:1', 0, nowMs)
}

export function draining(epoch: Epoch, change: Partial<Mark> = {}): Mark {
  return {
    containerId: id('a'),
    kind: 'draining',
    reason: 'Scaled',
    at: T0,
    deadlineAt: T0 + 600_000,
    epoch,
    ...change,
  }
}

export function session(name: string, change: Partial<Reservation> = {}): Reservation {
  return {
    id: name,
    containerId: id('a'),
    content: `content-${name}`,
    holder: 'gateway-1',
    state: 'active',
    expiresAt: T0 + 15_000,
    lastBytesAt: T0,
    relay: '',
    ...change,
  }
}

export function event(change: Partial<NewFleetEvent> = {}): NewFleetEvent {
  return {
    at: T0,
    fleet: FLEET,
    type: 'Normal',
    reason: 'EngineReady',
    message: 'home.0 answers',
    slot: '0',
    ...change,
  }
}

export function acceptedSpec(generation: number, change: Partial<AcceptedSpec> = {}): AcceptedSpec {
  return {
    fleet: FLEET,
    generation,
    hash: `hash-${generation}`,
    document: { replicas: generation, nested: { list: [1, 'two', null] } },
    source: 'specs/demo.yaml',
    acceptedAt: T0 + generation,
    ...change,
  }
}

export function endpoint(epoch: Epoch, change: Partial<Endpoint> = {}): Endpoint {
  return {
    containerId: id('a'),
    slot: '0',
    host: '172.17.0.2',
    port: 19_001,
    ready: true,
    forwarded: false,
    vpn: 'gluetun-a',
    maxStreams: 2,
    leaving: false,
    epoch,
    ...change,
  }
}

export function fleetStatus(epoch: Epoch, change: Partial<FleetStatus> = {}): FleetStatus {
  return {
    fleet: FLEET,
    generation: 3,
    specHash: 'hash-3',
    epoch,
    leader: 'host:1',
    observedAt: T0,
    replicas: 1,
    ready: 1,
    updated: 1,
    forwarded: undefined,
    forwarding: [
      {
        slot: 'forwarded',
        node: 'gluetun-a',
        rule: 'only',
        held: true,
        candidates: [
          { node: 'gluetun-a', state: 'up', readySince: T0, portLosses: 1, obstacle: undefined },
        ],
      },
    ],
    conditions: [{ type: 'Ready', status: 'True', reason: 'AllReady', message: '1/1', since: T0 }],
    engines: [
      {
        name: 'home.0',
        slot: '0',
        containerId: id('a'),
        vpn: 'gluetun-a',
        address: '172.17.0.2',
        port: 19_001,
        p2pPort: undefined,
        forwarded: false,
        phase: 'Running',
        ready: true,
        streams: 'unknown',
        createdAt: T0,
        specHash: 'hash-3',
        updated: true,
        dead: false,
        note: '',
      },
    ],
    vpns: [
      {
        name: 'gluetun-a',
        state: 'up',
        reason: 'healthy',
        message: 'healthy',
        address: '172.17.0.2',
        publicIp: '203.0.113.7',
        forwardedPort: 40_000,
        portLosses: 1,
        readySince: T0,
        engines: 1,
        cordoned: false,
        since: T0,
      },
    ],
    ...change,
  }
}
