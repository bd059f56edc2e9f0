import { expect, test } from 'vitest'
import type { ContainerId } from '../docker/port.ts'
import { fleetOf } from '../spec/document.ts'
import { fleetSchema } from '../spec/schema.ts'
import { concerns } from './concerns.ts'

const fleet = fleetOf(
  fleetSchema.parse({
    apiVersion: 'acefleet/v1',
    kind: 'EngineFleet',
    metadata: { name: 'home' },
    spec: {
      replicas: 2,
      vpn: { mode: 'single', nodes: [{ name: 'gluetun', ports: '19000-19099' }] },
    },
  }),
)

const OURS = { 'acefleet.instance': 'default', 'acefleet.fleet': 'home' }

test.each<[string, string, Readonly<Record<string, string>>, boolean]>([
  ['an engine of the fleet, whatever its name', 'x', OURS, true],
  ['another instance’s engine', 'x', { ...OURS, 'acefleet.instance': 'other' }, false],
  ['another fleet’s engine', 'away.0', { ...OURS, 'acefleet.fleet': 'away' }, false],
  ['a VPN node', 'gluetun', {}, true],
  ['whoever takes the name of a slot', 'home.3', {}, true],
  ['whoever takes the name of the forwarded engine', 'home.forwarded', {}, true],
  ['a foreign forwarded engine (I8)', 'x', { 'acestream.forwarded': 'true' }, true],
  ['any other container', 'home.backup', {}, false],
])('%s: an event of %s with %o wakes the fleet: %s', (_, name, labels, expected) => {
  const event = { action: 'start', id: 'f'.repeat(64) as ContainerId, name, labels, at: 1 }
  expect(concerns(event, fleet, 'default')).toBe(expected)
})
