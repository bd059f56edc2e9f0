import { expect, test } from 'vitest'
import { drawBlocks } from './draw.ts'
import { ALL_FAULTS } from './faults/all.ts'

/** What a seed decides, without the streams of chance that later decisions come from. */
const drawn = (rounds: number, seed: number) =>
  drawBlocks(ALL_FAULTS, rounds, seed).map(({ leaseServers, timing, rounds }) => ({
    leaseServers,
    timing,
    rounds: rounds.map(({ number, fault, random }) => [
      number,
      fault.name,
      random.fork('x').next(),
    ]),
  }))

test('the same seed draws the same rounds, another one others', () => {
  expect(drawn(30, 5)).toEqual(drawn(30, 5))
  expect(drawn(30, 5)).not.toEqual(drawn(30, 6))
})

test('every kind of fault comes once before one comes twice', () => {
  const names = drawBlocks(ALL_FAULTS, ALL_FAULTS.length, 9).flatMap(({ rounds }) =>
    rounds.map(({ fault }) => fault.name),
  )
  expect(names.toSorted()).toEqual(ALL_FAULTS.map(({ name }) => name).toSorted())
})

test('rounds are as many as were asked for, numbered as they run, and have what their faults need', () => {
  for (const rounds of [1, 20, 50]) {
    const blocks = drawBlocks(ALL_FAULTS, rounds, rounds)
    const numbers = blocks.flatMap((block) => block.rounds.map(({ number }) => number))
    expect(numbers).toEqual(Array.from({ length: rounds }, (_, i) => i + 1))
    for (const { leaseServers, timing, rounds } of blocks)
      for (const { fault } of rounds) {
        expect(leaseServers).toBe(fault.leaseServers ?? leaseServers)
        expect(timing.ttlMs).toBe(fault.isAtDefaults === true ? 6_000 : 2_500)
      }
  }
})
