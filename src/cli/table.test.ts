import { describe, expect, it } from 'vitest'
import type { EngineView, EventView, FleetView } from '../api/view.ts'
import { printAge } from './age.ts'
import { engineColumns, eventColumns, fleetColumns } from './columns.ts'
import { type Column, printTable, shownColumns } from './table.ts'
import { oneLine, textWidth } from './text-width.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

const engine: EngineView = {
  name: 'home.0',
  fleet: 'home',
  slot: '0',
  containerId: 'abcdef0123456789',
  vpn: 'gluetun-a',
  address: '172.17.0.2',
  port: 19_001,
  p2pPort: 8_622,
  forwarded: false,
  phase: 'Running',
  ready: true,
  dead: false,
  streams: 1,
  createdAt: '2026-01-01T00:54:48Z',
  specHash: 'h',
  updated: true,
  note: '',
}

const pending: EngineView = {
  ...engine,
  name: 'home.forwarded',
  slot: 'forwarded',
  containerId: null,
  address: null,
  port: null,
  forwarded: true,
  phase: 'Pending',
  ready: false,
  streams: null,
  createdAt: null,
  note: 'image is being pulled',
}

describe('tables', () => {
  it('shows engines in aligned columns, unknown things as - and unknown streams as ?', () => {
    const columns = shownColumns(engineColumns(NOW), false)
    expect(printTable(columns, [engine, pending])).toBe(
      [
        'NAME             SLOT        VPN         PORT    FORWARDED   PHASE     READY   STREAMS   AGE',
        'home.0           0           gluetun-a   19001   no          Running   yes           1   5m12s',
        'home.forwarded   forwarded   gluetun-a   -       yes         Pending   no            ?   -',
        '',
      ].join('\n'),
    )
  })

  it('shows more with wide', () => {
    const columns = shownColumns(engineColumns(NOW), true)
    expect(printTable(columns, [engine])).toBe(
      [
        'NAME     SLOT   VPN         PORT    FORWARDED   PHASE     READY   STREAMS   AGE     FLEET   ADDRESS      P2P    UPDATED   CONTAINER      NOTE',
        'home.0   0      gluetun-a   19001   no          Running   yes           1   5m12s   home    172.17.0.2   8622   yes       abcdef012345   -',
        '',
      ].join('\n'),
    )
  })

  it('says of a fleet what stands in its way', () => {
    const fleet: FleetView = {
      name: 'home',
      generation: 3,
      specHash: 'h',
      documentHash: 'd',
      source: 'specs/home.yaml',
      acceptedAt: null,
      leader: 'nas:1-ab12',
      epoch: 7,
      leaseMs: 4_123,
      leading: true,
      lastLeader: 'nas:1-ab12',
      lastEpoch: 7,
      observedAt: '2026-01-01T00:59:58Z',
      replicas: 6,
      ready: 5,
      updated: 6,
      forwarded: null,
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'r',
          message: 'm',
          since: '2026-01-01T00:00:00Z',
        },
        { type: 'NoForwardedPort', status: 'True', reason: 'r', message: 'm', since: '' },
      ],
    }
    const alone: FleetView = { ...fleet, name: 'alone', leaseMs: null }
    const fresh: FleetView = {
      ...fleet,
      name: 'fresh',
      ...{ leader: null, epoch: null, leaseMs: null, leading: false },
      observedAt: null,
      ready: null,
      updated: null,
    }
    const columns = shownColumns(fleetColumns(NOW), false)
    expect(printTable(columns, [fleet, alone, fresh])).toBe(
      [
        'NAME    READY   UPDATED   FORWARDED   STATUS                     LEADER       LEASE   OBSERVED',
        'home    5/6     6/6       -           NotReady,NoForwardedPort   nas:1-ab12   4.1s    2s',
        'alone   5/6     6/6       -           NotReady,NoForwardedPort   nas:1-ab12   held    2s',
        'fresh   -       -         -           Pending                    none         -       -',
        '',
      ].join('\n'),
    )
  })

  it('shows repeated events once, and nothing of what a container printed can move the cursor', () => {
    const event: EventView = {
      at: '2026-01-01T00:59:00Z',
      firstAt: '2026-01-01T00:50:00Z',
      count: 3,
      sequence: 9,
      fleet: 'home',
      slot: '2',
      vpn: 'gluetun-a',
      type: 'Warning',
      reason: 'EngineExited',
      message: 'exit code 1:\n\u001b[2Jlast \u001b]0;title\u0007line\r',
    }
    const columns = shownColumns(eventColumns(NOW), false)
    expect(printTable(columns, [event])).toBe(
      [
        'LAST SEEN           TYPE      REASON         OBJECT              MESSAGE',
        '60s (x3 over 10m)   Warning   EngineExited   home.2 @gluetun-a   exit code 1: last line',
        '',
      ].join('\n'),
    )
  })

  it('aligns by what a terminal shows, not by code units', () => {
    const columns: Column<string>[] = [
      { title: 'A', cell: (name) => name },
      { title: 'B', cell: () => 'x' },
    ]
    expect(printTable(columns, ['東京', 'e\u0301', '👍🏽', 'abcd'])).toBe(
      ['A      B', '東京   x', 'e\u0301      x', '👍🏽     x', 'abcd   x', ''].join('\n'),
    )
  })
})

describe('text width', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['日本', 4],
    ['é', 1],
    ['👩‍👩‍👧', 2],
    ['\u200b', 0],
  ])('%j takes %i columns', (text, width) => {
    expect(textWidth(text)).toBe(width)
  })

  it('makes one line of anything', () => {
    expect(oneLine('a\r\nb\tc\u0000\u009bd')).toBe('a b c d')
  })
})

describe('ages', () => {
  it.each([
    [-5, '0s'],
    [999, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [312_000, '5m12s'],
    [600_000, '10m'],
    [3 * 3_600_000, '3h'],
    [3 * 3_600_000 + 300_000, '3h5m'],
    [8 * 3_600_000, '8h'],
    [47 * 3_600_000, '47h'],
    [53 * 3_600_000, '2d5h'],
    [8 * 86_400_000, '8d'],
    [760 * 86_400_000, '2y30d'],
    [8 * 365 * 86_400_000, '8y'],
  ])('%i ms is %s', (ms, text) => {
    expect(printAge(ms)).toBe(text)
  })
})
