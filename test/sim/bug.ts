import type { Docker } from '../../src/docker/port.ts'
import type { LeaseSource } from '../../src/lease/lease.ts'
import type { Store } from '../../src/store/store.ts'
import type { Random } from './random.ts'

/** A controller's way into the world. */
export interface Ports {
  readonly docker: Docker
  readonly store: Store
  readonly leases: LeaseSource
}

/** A bug put around ports, for tests of the tests. */
export interface Bug {
  /** Between each controller and its ports. */
  readonly ports?: (ports: Ports, random: Random) => Ports
  /** In the store itself. */
  readonly store?: (store: Store) => Store
  /** Controllers take the store's instants as they are told, whatever clocks were set to. */
  readonly trustsWallClocks?: boolean
}
