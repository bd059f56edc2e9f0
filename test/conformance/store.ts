import { describe } from 'vitest'
import { describeClaims } from './store/claims.ts'
import { describeEvents } from './store/events.ts'
import { describeGlances } from './store/glances.ts'
import { describeMemory } from './store/memory.ts'
import { describeReservations } from './store/reservations.ts'
import type { OpenStore } from './store/sample.ts'
import { describeAcceptedSpecs } from './store/specs.ts'
import { describeTerms } from './store/terms.ts'

/** What every store promises. `open` gives an empty one each time. */
export function describeStore(name: string, open: OpenStore): void {
  describe(`store: ${name}`, () => {
    describe('terms', () => describeTerms(open))
    describe('memory', () => describeMemory(open))
    describe('accepted specs', () => describeAcceptedSpecs(open))
    describe('events', () => describeEvents(open))
    describe('glances', () => describeGlances(open))
    describe('reservations', () => describeReservations(open))
    describe('claims', () => describeClaims(open))
  })
}
