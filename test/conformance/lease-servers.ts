import { describe } from 'vitest'
import type { OpenLeaseServers } from './lease-servers/bench.ts'
import { describeEpochMajority, describeEpochs } from './lease-servers/epochs.ts'
import { describeLeaseMajority, describeLeases } from './lease-servers/leases.ts'

/** What lease servers promise, as one. `open` gives new ones each time that know nothing. */
export function describeLeaseServers(name: string, open: OpenLeaseServers): void {
  describe(`lease servers: ${name}`, () => {
    describe.each([1, 3])('%i of them', (count) => {
      describeLeases(count, open)
      describeEpochs(count, open)
    })
    describe('while some are away', () => {
      describeLeaseMajority(open)
      describeEpochMajority(open)
    })
  })
}
