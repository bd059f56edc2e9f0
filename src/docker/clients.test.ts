import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { makeClientPool } from './clients.ts'
import type { DockerHost } from './host.ts'

const socket: DockerHost = {
  address: 'unix:///nowhere',
  target: { kind: 'socket', path: '/nowhere' },
  tls: undefined,
}
const tls: DockerHost = {
  address: 'tcp://192.0.2.1:2376',
  target: { kind: 'tcp', host: '192.0.2.1', port: 2376 },
  tls: { ca: undefined, cert: undefined, key: undefined, verifies: true },
}

describe('clients of the daemon', () => {
  test.each([
    ['over a socket', socket],
    ['over TLS', tls],
  ])(
    '%s write nothing of their sockets into what docker-modem makes for its debug log',
    (_, host) => {
      using pool = makeClientPool(host)
      const clients = pool.at('v1.41')
      for (const { modem } of [clients.reads, clients.mutations, clients.streams]) {
        const { agent } = modem as { agent?: unknown }
        expect(agent).toBeDefined()
        // As docker-modem writes it: everything, however deep.
        expect(inspect(agent, { showHidden: true, depth: null })).toBe('agent')
      }
    },
  )
})
