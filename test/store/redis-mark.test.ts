import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Epoch } from '../../src/lease/lease.ts'
import { harden } from '../../src/store/harden.ts'
import type { Mark } from '../../src/store/mark.ts'
import { id } from '../conformance/store/sample.ts'
import { startRedis } from '../harness/redis.ts'
import { connectStore, PATIENCE_MS, useStack } from './redis-stores.ts'

const stack = useStack()

/** Few values, so that they often meet; fractions, which jitter makes; and text that an encoding could spoil. */
const anyTime = fc.oneof(fc.nat(9), fc.constantFrom(1_780_000_000_000.25, 1_780_000_000_000.5))
const anyMark: fc.Arbitrary<Omit<Mark, 'epoch'>> = fc.record(
  {
    containerId: fc.constantFrom(id('a'), id('b')),
    kind: fc.constantFrom('draining', 'failed'),
    reason: fc.constantFrom('Scaled', 'EngineFailed', '', 'a "b"\n/é\u0000'),
    at: anyTime,
    deadlineAt: anyTime,
    stopAt: anyTime,
  },
  { requiredKeys: ['containerId', 'kind', 'reason', 'at', 'deadlineAt'] },
)

it(
  'hardens marks on the server just as harden does, whatever is written in whatever order (I7)',
  async () => {
    const server = stack.use(await startRedis())
    const { store } = await connectStore(stack, { url: server.url })
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyMark, { maxLength: 12 }), async (marks) => {
        const fleet = `fleet-${++run}`
        const expected = new Map<string, Mark>()
        for (const [n, each] of marks.entries()) {
          const mark: Mark = { ...each, epoch: (n + 1) as Epoch }
          const stands = harden(expected.get(mark.containerId), mark)
          expected.set(mark.containerId, stands)
          expect(await store.mark(fleet, mark)).toEqual(stands)
        }
        const { marks: kept } = await store.readFleet(fleet, 0)
        expect(new Map([...kept])).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  },
  PATIENCE_MS,
)
