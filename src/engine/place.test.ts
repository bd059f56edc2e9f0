import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareSlots,
  containerName,
  forwardedSlot,
  isForwardedSlot,
  slotNumber,
  slotOfName,
} from './place.ts'

const anySlot = fc.oneof(
  fc.nat(999_999).map(String),
  fc.constant(forwardedSlot()),
  fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}$/).map(forwardedSlot),
)
const fleet = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)

describe('a slot', () => {
  it('has one name in a fleet, from which it is read back (I2)', () => {
    fc.assert(
      fc.property(fleet, anySlot, (name, slot) => {
        expect(slotOfName(name, containerName(name, slot))).toBe(slot)
      }),
    )
  })

  it('of one fleet has no name of another, for fleet names have no dots (I2)', () => {
    fc.assert(
      fc.property(fleet, fleet, anySlot, (one, other, slot) => {
        fc.pre(one !== other)
        expect(slotOfName(other, containerName(one, slot))).toBeUndefined()
      }),
    )
  })

  it('is either ordinary or forwarded', () => {
    fc.assert(
      fc.property(anySlot, (slot) => {
        expect(slotNumber(slot) === undefined).toBe(isForwardedSlot(slot))
      }),
    )
  })

  it.each(['007', '-1', '1.5', '', ' 1', '1000000', 'x', 'forward'])('is not %j', (text) => {
    expect([slotNumber(text), isForwardedSlot(text)]).toEqual([undefined, false])
    expect(slotOfName('home', `home.${text}`)).toBeUndefined()
  })

  it('is ordered as people read it', () => {
    const slots = ['10', 'forwarded', '2', 'a.forwarded', '0']
    expect(slots.toSorted(compareSlots)).toEqual(['0', '2', '10', 'a.forwarded', 'forwarded'])
  })
})
