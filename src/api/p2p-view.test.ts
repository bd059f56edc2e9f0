import { describe, expect, it } from 'vitest'
import { engine, id } from '../../test/harness/api-fixture.ts'
import type { ContainerId } from '../docker/port.ts'
import type { StreamLoad } from '../store/store.ts'
import { p2pView } from './p2p-view.ts'

const load = (sessions: number, peers: number, up: number): StreamLoad => ({
  active: sessions,
  pending: 0,
  lastBytesAt: 0,
  stat: { sessions, peers, downBytesPerS: 10 * up, upBytesPerS: up },
})

const engines = [
  engine('demo.forwarded', { forwarded: true, containerId: id('f') }),
  ...['a', 'b', 'c', 'd'].map((letter) => engine(`demo.${letter}`, { containerId: id(letter) })),
  engine('demo.9', { containerId: undefined }),
]

describe('P2P quality', () => {
  it('is the mean per session of the forwarded engine beside the median of the others', () => {
    const streams = new Map<ContainerId, StreamLoad>([
      [id('f'), load(2, 46, 400)],
      [id('a'), load(1, 5, 10)],
      [id('b'), load(2, 22, 80)],
      [id('c'), load(1, 90, 900)],
      [id('d'), { active: 1, pending: 0, lastBytesAt: 0 }],
    ])
    expect(p2pView(engines, streams)).toEqual({
      forwarded: { engines: 1, peers: 23, upBytesPerS: 200, downBytesPerS: 2_000 },
      others: { engines: 3, peers: 11, upBytesPerS: 40, downBytesPerS: 400 },
    })
  })

  it('is the middle of two', () => {
    const streams = new Map([
      [id('a'), load(1, 5, 10)],
      [id('b'), load(1, 8, 20)],
    ])
    const others = { engines: 2, peers: 7, upBytesPerS: 15, downBytesPerS: 150 }
    expect(p2pView(engines, streams)).toEqual({ forwarded: null, others })
  })

  it('is not told where no session tells', () => {
    const nothing = { forwarded: null, others: null }
    expect(p2pView(engines, new Map())).toEqual(nothing)
    const silent = new Map([[id('f'), { active: 1, pending: 0, lastBytesAt: 1 }]])
    expect(p2pView(engines, silent)).toEqual(nothing)
  })
})
