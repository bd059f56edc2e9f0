import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DURATION,
  MEMORY,
  parseDuration,
  parseMemory,
  parsePortRange,
  printDuration,
  printMemory,
  printPortRange,
  rangesOverlap,
} from './quantity.ts'

describe('durations', () => {
  it.each([
    ['5s', 5_000],
    ['10m', 600_000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    ['1h2m3s4ms', 3_723_004],
  ])('%s is %i ms', (text, ms) => {
    expect(text).toMatch(DURATION)
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '5', 's', '5 s', '-5s', '5S', '5d', '1e3s', '.5s', '5s ', '5s\n'])(
    '%j is no duration',
    (text) => expect(text).not.toMatch(DURATION),
  )

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000_000), (ms) => {
        expect(printDuration(ms)).toMatch(DURATION)
        expect(parseDuration(printDuration(ms))).toBe(ms)
      }),
    )
  })
})

describe('memory', () => {
  it.each([
    ['1Gi', 2 ** 30],
    ['512Mi', 512 * 2 ** 20],
    ['1G', 1e9],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['800K', 800_000],
  ])('%s is %i bytes', (text, bytes) => {
    expect(text).toMatch(MEMORY)
    expect(parseMemory(text)).toBe(bytes)
  })

  it.each(['1', '1GB', '1gi', '-1Gi', '1 Gi', '1g', 'Gi'])('%j is no amount of memory', (text) =>
    expect(text).not.toMatch(MEMORY),
  )

  it('reads back what it prints, to the byte', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (bytes) => {
        expect(parseMemory(printMemory(bytes))).toBe(bytes)
        expect(printMemory(bytes)).toMatch(MEMORY)
      }),
    )
  })
})

describe('port ranges', () => {
  it('reads back what it prints', () => {
    expect(parsePortRange('19000-19499')).toEqual({ first: 19_000, last: 19_499 })
    expect(printPortRange(parsePortRange('19000-19499'))).toBe('19000-19499')
  })

  it('overlap when they share a single port, and not when they only touch', () => {
    const range = { first: 10, last: 20 }
    expect(rangesOverlap(range, { first: 20, last: 30 })).toBe(true)
    expect(rangesOverlap(range, { first: 21, last: 30 })).toBe(false)
    expect(rangesOverlap({ first: 12, last: 13 }, range)).toBe(true)
  })
})
