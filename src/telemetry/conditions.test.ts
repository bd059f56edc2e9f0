import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeConditions } from './conditions.ts'
import type { Condition, ConditionType, PlannedCondition } from './status.ts'

function stated(
  type: ConditionType,
  status: 'True' | 'False' = 'True',
  message = `${type} is ${status}`,
): PlannedCondition {
  return { type, status, reason: 'Because', message }
}

describe('merging conditions', () => {
  it('starts the clock of a new condition and says that it turned on', () => {
    const { conditions, turns } = mergeConditions([], [stated('NoVpnReady')], 5)
    expect(conditions).toEqual([{ ...stated('NoVpnReady'), since: 5 }])
    expect(turns.map((turn) => [turn.turned, turn.condition.type])).toEqual([['on', 'NoVpnReady']])
  })

  it('keeps since while the status stays, though the message moves', () => {
    const before: Condition[] = [{ ...stated('Stalled'), since: 1 }]
    const { conditions, turns } = mergeConditions(before, [stated('Stalled', 'True', 'other')], 9)
    expect(conditions).toEqual([{ ...stated('Stalled', 'True', 'other'), since: 1 }])
    expect(turns).toEqual([])
  })

  it('keeps Ready when it is False, and moves its since with its status', () => {
    const before: Condition[] = [{ ...stated('Ready'), since: 1 }]
    const off = mergeConditions(before, [stated('Ready', 'False')], 9)
    expect(off.conditions).toEqual([{ ...stated('Ready', 'False'), since: 9 }])
    expect(off.turns.map((turn) => turn.turned)).toEqual(['off'])
    const on = mergeConditions(off.conditions, [stated('Ready')], 12)
    expect(on.turns.map((turn) => turn.turned)).toEqual(['on'])
  })

  it('drops what is no longer stated, and what is stated as False', () => {
    const before: Condition[] = [
      { ...stated('Orphaned'), since: 1 },
      { ...stated('Stalled'), since: 2 },
    ]
    const { conditions, turns } = mergeConditions(before, [stated('Stalled', 'False')], 9)
    expect(conditions).toEqual([])
    expect(turns.map((turn) => [turn.turned, turn.condition.type])).toEqual([
      ['off', 'Orphaned'],
      ['off', 'Stalled'],
    ])
  })

  it('joins the messages of several of one type, and puts Ready first', () => {
    const planned = [
      stated('VpnNotReady', 'True', 'a is down'),
      stated('Ready', 'False'),
      stated('VpnNotReady', 'True', 'b is down'),
    ]
    const { conditions } = mergeConditions([], planned, 1)
    expect(conditions.map((each) => [each.type, each.message])).toEqual([
      ['Ready', 'Ready is False'],
      ['VpnNotReady', 'a is down; b is down'],
    ])
  })

  it('is settled by a second merge of the same plan: nothing turns, nothing moves (L1)', () => {
    const types: ConditionType[] = ['Ready', 'Stalled', 'NoRoom', 'VpnNotReady', 'Orphaned']
    const planned = fc.array(
      fc.record({
        type: fc.constantFrom(...types),
        status: fc.constantFrom('True' as const, 'False' as const),
        reason: fc.constant('Because'),
        message: fc.string(),
      }),
    )
    fc.assert(
      fc.property(planned, planned, (first, second) => {
        const once = mergeConditions(mergeConditions([], first, 1).conditions, second, 2)
        const twice = mergeConditions(once.conditions, second, 3)
        expect(twice.conditions).toEqual(once.conditions)
        expect(twice.turns).toEqual([])
      }),
    )
  })
})
