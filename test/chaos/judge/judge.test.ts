import { describe, expect, test } from 'vitest'
import { type EngineFact, type Facts, noFacts, type Violation } from './facts.ts'
import { judge } from './judge.ts'

const TTL_MS = 2_500

function engine(action: EngineFact['action'], id: string, at: number, epoch = 100): EngineFact {
  const labels = { 'acefleet.epoch': String(epoch), 'acefleet.slot': id }
  return { action, id, name: `home.${id}`, labels, at }
}

/** A leader of epoch 100 since 0, whose lease is renewed every 500 ms, with four engines wanted. */
function calm(change: (facts: Facts) => void = () => {}, leaseServers = 1): Facts {
  const facts = noFacts(leaseServers, TTL_MS)
  facts.terms.push({ at: 0, epoch: 100, holder: 'vm:1-aa' })
  facts.specs.push({ at: 0, replicas: 4, maxSurge: 1 })
  for (const times of facts.renewals) for (let at = 0; at <= 20_000; at += 500) times.push(at)
  change(facts)
  return facts
}

const invariants = (facts: Facts): readonly Violation['invariant'][] =>
  judge(facts).map(({ invariant }) => invariant)

const mark = (
  id: string,
  at: number,
  deadlineAt: number,
  kind: 'draining' | 'failed' = 'draining',
) => ({
  ...{ at, id, kind, deadlineAt },
  epoch: 100,
})

test('nothing is wrong with a calm day', () => {
  const facts = calm(({ engines, marks, calls, writes }) => {
    calls.push({ pid: 1, line: 'POST /containers/create?name=home.0', at: 900 })
    engines.push(engine('create', '0', 1_000), engine('start', '0', 1_100))
    marks.push(mark('0', 5_000, 5_000, 'failed'))
    writes.push({ at: 5_000, what: 'mark', epoch: 100 })
    engines.push(engine('kill', '0', 5_100), engine('die', '0', 5_200))
    engines.push(engine('stop', '0', 5_300), engine('destroy', '0', 5_400))
  })
  expect(judge(facts)).toEqual([])
})

describe('ends', () => {
  test('a stop and a remove without a mark are found, also where the mark comes later (I7)', () => {
    const facts = calm(({ engines, marks }) => {
      engines.push(engine('create', '0', 1), engine('stop', '0', 50), engine('destroy', '0', 60))
      marks.push(mark('0', 55, 55))
    })
    expect(invariants(facts)).toEqual(['I7'])
  })

  test('who was killed by the harness needs a mark for its removal only (I7)', () => {
    const facts = calm(({ engines, killed }) => {
      engines.push(engine('create', '0', 1), engine('kill', '0', 50), engine('die', '0', 55))
      killed.push({ id: '0', at: 49 })
      engines.push(engine('destroy', '0', 60))
    })
    expect(judge(facts).map(({ message }) => message)).toEqual([
      'destroy of home.0 without a mark on it',
    ])
  })

  test('a stream that ends before the deadline of its drain is found, one that ends after it is not (I5)', () => {
    const watched = (diedAt: number) =>
      calm(({ engines, marks, viewers }) => {
        viewers.push({ id: '0', from: 10, to: Number.POSITIVE_INFINITY })
        marks.push(mark('0', 1_000, 7_000))
        engines.push(engine('create', '0', 1), engine('die', '0', diedAt))
      })
    expect(invariants(watched(4_000))).toEqual(['I5'])
    expect(judge(watched(7_001))).toEqual([])
  })

  test('a viewer who had left is no stream (I5)', () => {
    const facts = calm(({ engines, viewers }) => {
      viewers.push({ id: '0', from: 10, to: 900 })
      engines.push(engine('create', '0', 1), engine('die', '0', 1_000))
    })
    expect(judge(facts)).toEqual([])
  })

  test('a deadline that is put off is found, unless the store forgot in between (I6)', () => {
    const later = (forgot: readonly number[]) =>
      calm((facts) => {
        facts.marks.push(mark('0', 1_000, 7_000), mark('0', 3_000, 9_000))
        facts.forgot.push(...forgot)
      })
    expect(invariants(later([]))).toEqual(['I6'])
    expect(judge(later([2_000]))).toEqual([])
  })
})

describe('terms', () => {
  test('an epoch that does not grow is found, whoever forgot it (I6)', () => {
    const facts = calm(({ terms, forgot }) => {
      forgot.push(50)
      terms.push({ at: 60, epoch: 100, holder: 'vm:2-bb' })
    })
    expect(invariants(facts)).toEqual(['I6'])
  })

  test('an engine with an epoch that nobody opened is found (I6)', () => {
    const facts = calm(({ engines }) => engines.push(engine('create', '0', 10, 99)))
    expect(invariants(facts)).toContain('I6')
  })

  test('a write of an older term is found (I6)', () => {
    const facts = calm(({ terms, writes }) => {
      terms.push({ at: 5_000, epoch: 200, holder: 'vm:2-bb' })
      writes.push({ at: 5_001, what: 'status', epoch: 100 })
    })
    expect(invariants(facts)).toEqual(['I6'])
  })

  test('a call that is issued after another one began to lead is found; one issued before may land when it likes (I7)', () => {
    const facts = calm(({ terms, calls }) => {
      terms.push({ at: 5_000, epoch: 200, holder: 'vm:2-bb' })
      calls.push({ pid: 1, line: 'POST /containers/create?name=home.0', at: 4_999 })
      calls.push({ pid: 1, line: 'POST /containers/create?name=home.1', at: 5_001 })
      calls.push({ pid: 2, line: 'POST /containers/create?name=home.1', at: 5_002 })
    })
    expect(judge(facts).map(({ message }) => message)).toEqual([
      'process 1 issued POST /containers/create?name=home.1 1 ms after vm:2-bb had begun to lead',
    ])
  })

  test('a call is found when a majority of the lease servers has granted nothing for a ttl, whoever led last (I7)', () => {
    const withDown = (down: number) =>
      calm((facts) => {
        for (const times of facts.renewals.slice(0, down)) times.length = 3
        facts.calls.push({ pid: 1, line: 'POST /containers/create?name=home.0', at: 9_000 })
      }, 3)
    expect(judge(withDown(1))).toEqual([])
    expect(invariants(withDown(2))).toEqual(['I7'])
  })
})

describe('creates', () => {
  const five = (facts: Facts) => {
    for (const id of ['0', '1', '2', '3', '4']) facts.engines.push(engine('create', id, 1_000))
  }

  test('one beyond desired + maxSurge is found (I2)', () => {
    const facts = calm((facts) => {
      five(facts)
      facts.engines.push(engine('create', '5', 20_000))
    })
    expect(invariants(facts)).toEqual(['I2'])
  })

  test('what is dead or given up does not count (I2)', () => {
    const facts = calm((facts) => {
      five(facts)
      facts.killed.push({ id: '0', at: 1_999 })
      facts.engines.push(engine('die', '0', 2_000), engine('create', '5', 3_000))
      facts.marks.push(mark('1', 4_000, 4_000, 'failed'))
      facts.engines.push(engine('create', '6', 5_000))
    })
    expect(judge(facts)).toEqual([])
  })

  test('the late create of a stale leader is bounded by the number of names (I2)', () => {
    const late = (...ids: readonly string[]) =>
      calm((facts) => {
        five(facts)
        facts.terms.push({ at: 5_000, epoch: 200, holder: 'vm:2-bb' })
        for (const id of ids) facts.engines.push(engine('create', id, 6_000, 100))
      })
    expect(judge(late('5'))).toEqual([])
    expect(invariants(late('5', '6'))).toEqual(['I2'])
  })
})
