import { describe, expect, it } from 'vitest'
import type { ForwardedCandidateView, ForwardedChoiceView } from '../api/forwarding-view.ts'
import { choiceText } from './forwarding-text.ts'

const NOW = Date.UTC(2026, 0, 1, 12)

const upFor = (node: string, ms: number, portLosses = 0): ForwardedCandidateView => ({
  node,
  state: 'up',
  readySince: new Date(NOW - ms).toISOString(),
  portLosses,
  obstacle: null,
})

const a = upFor('gluetun-a', 11_400_000)
const b = upFor('gluetun-b', 119_000, 1)

const textOf = (choice: Partial<ForwardedChoiceView>) =>
  choiceText(
    {
      ...{ slot: 'forwarded', node: 'gluetun-a', rule: 'healthiest', held: true },
      candidates: [a, b],
      ...choice,
    },
    NOW,
  )

describe('the reason of a choice', () => {
  it('gives the health of the chosen node and of the others', () => {
    expect(textOf({})).toBe(
      'gluetun-a: up for 3h10m without interruption, 0 port losses in the last hour (gluetun-b: up for 119s, 1 port loss)',
    )
  })

  it('says why others cannot have it', () => {
    const none = { ...b, obstacle: 'gluetun-b is cordoned' }
    expect(textOf({ candidates: [a, none] })).toMatch(/\(gluetun-b is cordoned\)$/)
  })

  it('says that it stays, also where its node is not well', () => {
    expect(textOf({ node: 'gluetun-b', rule: 'stays', candidates: [b, a] })).toBe(
      'gluetun-b: stays where it is: up for 119s without interruption, 1 port loss in the last hour (gluetun-a: up for 3h10m, 0 port losses)',
    )
    const unseen = { ...b, state: 'unknown' as const, obstacle: 'gluetun-b is unknown: silence' }
    expect(textOf({ node: 'gluetun-b', rule: 'stays', candidates: [unseen] })).toBe(
      'gluetun-b: stays where it is: gluetun-b is unknown: silence',
    )
  })

  it('says whose wish it is, and that the engine is not there yet', () => {
    expect(textOf({ rule: 'preferred' })).toBe('gluetun-a: preferred by spec')
    expect(textOf({ rule: 'asked', held: false })).toBe('gluetun-a next: asked for by forward --to')
    expect(textOf({ rule: 'only' })).toBe('gluetun-a: the only node it can be on')
  })

  it('names the state of a node that is not up', () => {
    const degraded = { ...a, state: 'degraded' as const, readySince: null }
    expect(textOf({ candidates: [degraded] })).toBe(
      'gluetun-a: degraded, 0 port losses in the last hour',
    )
  })
})
