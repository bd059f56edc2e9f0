import { Readable } from 'node:stream'
import type { ContainerId } from '../../src/docker/port.ts'
import type { Source } from '../../src/gateway/source.ts'
import type { Epoch } from '../../src/lease/lease.ts'

/** Where a gateway's session reads from; nothing ever comes. */
export function source(change: Partial<Source> = {}): Source {
  return {
    name: '0',
    fleet: 'home',
    endpoint: {
      ...{ containerId: 'c0' as ContainerId, slot: '0', host: 'h', port: 1, ready: true },
      ...{ forwarded: false, vpn: 'gluetun-a', maxStreams: 2, leaving: false, epoch: 1 as Epoch },
    },
    reservationId: 'r0',
    body: new Readable({ read: () => {} }),
    infohash: undefined,
    lost: new AbortController().signal,
    mayRead: () => true,
    assertHeld: async () => {},
    noteBytes: () => {},
    noteStat: () => {},
    stat: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
    ...change,
  }
}

/** One that another gateway plays. */
export function relayedSource(): Source {
  return source({
    ...{ name: 'relay of nas:2', fleet: undefined, endpoint: undefined, reservationId: undefined },
  })
}
