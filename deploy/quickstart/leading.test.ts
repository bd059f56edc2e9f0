import { expect, test } from 'vitest'
import type { FleetView } from '../../src/api/view.ts'
import {
  containersText,
  fallText,
  leaderText,
  type Replica,
  reignOf,
  successionText,
} from './leading.ts'

const replicas: readonly Replica[] = [
  { name: 'replica 1', url: 'http://127.0.0.1:8000', pid: 4711 },
  { name: 'replica 2', url: 'http://127.0.0.1:8001', pid: 4712 },
]
const fleet = (leader: string | null, leaseMs: number | null = 4_100) =>
  ({ name: 'demo', leader, epoch: leader === null ? null : 7, leaseMs }) as FleetView
const killed = { code: null, signal: 'SIGKILL', atMs: 1_000 } as const

test.each([
  ['nas:4711-a1b2', 4711],
  ['fe80::1:4711-a1b2', 4711],
  ['nas:4711', 4711],
])('the leader %s is process %i', (leader, pid) => {
  expect(reignOf(fleet(leader))).toEqual({ pid, epoch: 7 })
})

test('while nobody leads, nobody is named', () => {
  expect(reignOf(fleet(null))).toBeUndefined()
  expect(leaderText(fleet(null), replicas)).toBe('demo: nobody leads at the moment')
})

test('who leads is told by name, process, epoch and what is left of its lease', () => {
  expect(leaderText(fleet('nas:4712-a1b2'), replicas)).toBe(
    'demo: replica 2 (process 4712) leads, epoch 7, lease 4.1s left',
  )
  expect(leaderText(fleet('nas:99', null), replicas)).toBe('demo: process 99 leads, epoch 7')
})

test('a standby that ends changes nothing; a leader leaves fleets behind', () => {
  expect(fallText([])).toMatch(/standby/)
  expect(fallText(['demo', 'more'])).toMatch(/^It led demo, more: another one leads/)
})

test('a succession tells how long it took, and after what', () => {
  const reigns = { before: { pid: 4711, epoch: 7 }, now: { pid: 4712, epoch: 9 } }
  const fall = { who: 'replica 1 (process 4711)', ending: killed }
  expect(successionText('demo', reigns, replicas, fall, 6_200)).toBe(
    'replica 2 (process 4712) leads demo, epoch 9 (before: 7), 5.2s after replica 1 (process 4711) was ended by SIGKILL',
  )
  const same = { before: reigns.now, now: { pid: 4712, epoch: 10 } }
  expect(successionText('demo', same, replicas, undefined, 6_200)).toBe(
    'replica 2 (process 4712) leads demo again, epoch 10 (before: 9)',
  )
})

test('engines count as untouched only in the very same containers', () => {
  const before = new Map([
    ['demo.0', 'a'],
    ['demo.1', 'b'],
  ])
  expect(containersText(before, new Map(before))).toBe(
    'All 2 engines run on, in the same containers.',
  )
  expect(
    containersText(
      before,
      new Map([
        ['demo.0', 'a'],
        ['demo.1', 'other'],
      ]),
    ),
  ).toBe('1 of 2 engines run on in the same containers; not so: demo.1.')
  expect(containersText(before, new Map([['demo.1', 'b']]))).toMatch(/not so: demo\.0\.$/)
})
