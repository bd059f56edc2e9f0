import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CountedPort, countPort } from './forwarded-port.ts'
import { afterWord } from './port-losses.ts'

const T0 = 10_000_000
const GRACE_MS = 300_000

type Word = readonly number[] | undefined

/** When the port was lost, ms since the start, in a story of [ms, ports told]. */
function tell(...story: readonly (readonly [number, Word])[]): readonly number[] {
  let port: CountedPort | undefined
  let losses: readonly number[] = []
  for (const [ms, told] of story) {
    losses = afterWord(losses, told, port, T0 + ms)
    port = countPort(told, port, GRACE_MS, T0 + ms)
  }
  return losses.map((at) => at - T0)
}

describe('port losses', () => {
  test('count one for a port that goes, however long it stays away, and none for its return', () => {
    expect(tell([0, [45_000]], [1, []], [2, []], [400_000, []], [400_001, [45_000]])).toEqual([1])
  })

  test('count one for another port in its place, with or without none in between', () => {
    expect(tell([0, [45_000]], [1, [45_001]])).toEqual([1])
    expect(tell([0, [45_000]], [1, []], [2, [45_001]])).toEqual([1])
  })

  test('count none while one of several ports stays in use', () => {
    expect(tell([0, [45_000, 45_001]], [1, [45_001, 45_000]], [2, [45_000]])).toEqual([])
  })

  test('I9: count none for silence, and none where there never was a port', () => {
    expect(tell([0, [45_000]], [1, undefined], [2, [45_000]])).toEqual([])
    expect(tell([0, undefined], [1, []], [2, []])).toEqual([])
  })

  test('are forgotten after an hour', () => {
    const story: readonly (readonly [number, Word])[] = [
      [0, [45_000]],
      [1, []],
      [2, [45_000]],
    ]
    expect(tell(...story, [3_600_000, [45_000]])).toEqual([1])
    expect(tell(...story, [3_600_001, [45_000]])).toEqual([])
  })

  test('are at most as many as there were grants, whatever is told', () => {
    const word = fc.constantFrom<Word>(undefined, [], [45_000], [45_001], [45_000, 45_001])
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const losses = tell(...words.map((told, ms): [number, Word] => [ms, told]))
        expect(losses.length).toBeLessThanOrEqual(words.filter((told) => told?.[0]).length)
      }),
    )
  })
})
