import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ContainerId } from '../docker/port.ts'
import type { Epoch } from '../lease/lease.ts'
import { harden } from './harden.ts'
import type { Mark } from './mark.ts'

const anyMark: fc.Arbitrary<Mark> = fc.record(
  {
    containerId: fc.constant('a'.repeat(64) as ContainerId),
    kind: fc.constantFrom('draining', 'failed'),
    reason: fc.constantFrom('Scaled', 'EngineFailed', 'DrainRequested'),
    at: fc.nat(9),
    deadlineAt: fc.nat(9),
    stopAt: fc.option(fc.nat(9), { nil: undefined }),
    epoch: fc.nat(9).map((n) => n as Epoch),
  },
  { requiredKeys: ['containerId', 'kind', 'reason', 'at', 'deadlineAt', 'epoch'] },
)

it('never softens what stands (I6, I7)', () => {
  fc.assert(
    fc.property(anyMark, anyMark, (standing, wanted) => {
      const stands = harden(standing, wanted)
      if (standing.kind === 'failed') {
        expect([stands.kind, stands.reason]).toEqual(['failed', standing.reason])
      }
      if (standing.stopAt !== undefined) expect(stands.stopAt).toBe(standing.stopAt)
      expect(stands.at).toBe(standing.at)
      expect(stands.deadlineAt).toBeLessThanOrEqual(standing.deadlineAt)
    }),
  )
})

it('gives what was wanted at least: failed, stopped, no later', () => {
  fc.assert(
    fc.property(anyMark, anyMark, (standing, wanted) => {
      const stands = harden(standing, wanted)
      if (wanted.kind === 'failed') expect(stands.kind).toBe('failed')
      if (wanted.stopAt !== undefined) expect(stands.stopAt).toBeDefined()
      expect(stands.deadlineAt).toBeLessThanOrEqual(wanted.deadlineAt)
    }),
  )
})

it('changes nothing when repeated, the epoch included', () => {
  fc.assert(
    fc.property(anyMark, anyMark, (standing, wanted) => {
      const stands = harden(standing, wanted)
      expect(harden(stands, { ...wanted, epoch: 99 as Epoch })).toEqual(stands)
    }),
  )
})
