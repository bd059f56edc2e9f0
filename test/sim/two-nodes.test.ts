import { describe, expect, it } from 'vitest'
import {
  type Course,
  FAILURE_KINDS,
  failAndReturn,
  type Letter,
  nameOf,
  ORDERS,
} from './two-nodes.ts'

/**
 * Every order, kind of failure on each node, and place of the forwarded engine. What begins with the other node is the
 * same under other names, and is left to the other pace.
 */
function courses(first: Letter, pace: Course['pace']): readonly Course[] {
  const orders = ORDERS.filter(([turn]) => turn?.node === first)
  return orders.flatMap((order) =>
    FAILURE_KINDS.flatMap((a) =>
      FAILURE_KINDS.flatMap((b) =>
        (['a', 'b'] as const).map((forwardedOn) => ({ order, kinds: { a, b }, forwardedOn, pace })),
      ),
    ),
  )
}

/** What went wrong with each; the first is told from beginning to end. */
async function unsound(all: readonly Course[]): Promise<readonly string[]> {
  const told: string[] = []
  for (const course of all) {
    const { violations, trace } = await failAndReturn(course)
    if (violations.length > 0 && told.length === 0) console.log(trace.join('\n'))
    told.push(...violations.map((violation) => `${nameOf(course)}: ${violation}`))
  }
  return told
}

describe('two nodes that fail and return, in every order and way', () => {
  it('do so in six orders, of which half begin with either', () => {
    const texts = ORDERS.map((order) => order.map(({ node, what }) => `${node} ${what}`).join(', '))
    expect(new Set(texts).size).toBe(6)
    expect(courses('a', 'slow')).toHaveLength(3 * 16 * 2)
    expect(courses('b', 'quick')).toHaveLength(3 * 16 * 2)
  })

  it('with time for all that follows: while both are down nothing comes or goes, and all resumes by itself (I1, I4, I5, I9, I10, L1, L2)', async () => {
    expect(await unsound(courses('a', 'slow'))).toEqual([])
  })

  it('within the grace: all resumes by itself (I1, I4, I5, I9, I10, L1, L2)', async () => {
    expect(await unsound(courses('b', 'quick'))).toEqual([])
  })
})
