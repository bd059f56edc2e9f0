import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type BroadcastOptions, makeBroadcast } from '../../../test/harness/ts/broadcast.ts'
import { judge } from '../../../test/harness/ts/judge.ts'
import { type Feed, makeFeed } from '../fanout/feed.ts'
import { joinPreamble } from '../ts/entry-point.ts'
import type { Segment } from './segmenter.ts'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

const FPS = 25
const limits = { maxBytes: 1e9, maxAgeMs: 1e9 }

function broadcast(seconds: number, some: Partial<BroadcastOptions> = {}): Buffer {
  return makeBroadcast(some).take(seconds * FPS)
}

/** Pushes it in chunks of these sizes, again and again. */
function feedOf(bytes: Buffer, sizes: readonly number[] = [60_000], feed = makeFeed(limits)): Feed {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 60_000
    feed.push(Buffer.from(bytes.subarray(at, at + size)), turn)
    at += size
  }
  return feed
}

function bytesOf(feed: Feed, from: number, to: number): Buffer {
  const cursor = feed.buffer.open(from)
  const buffers: Buffer[] = []
  while (cursor.position < to) {
    const reading = cursor.read(to - cursor.position)
    if (reading.kind !== 'data') throw new Error(reading.kind)
    buffers.push(...reading.buffers)
  }
  return Buffer.concat(buffers)
}

/** As it is served: its tables first. */
const served = (feed: Feed, { point, from, to }: Segment) =>
  Buffer.concat([joinPreamble(point), bytesOf(feed, from, to)])

const durations = ({ segments }: Feed) =>
  segments.segments.map(({ durationS }) => Math.round(durationS * 100) / 100)

describe('segments', () => {
  test('are the same whatever chunks a stream comes in, splices included', () => {
    const one = broadcast(20, { gop: 30, counter: 3, clock: 2 ** 33 * 300 - 27e7 })
    const other = broadcast(15, { gop: 30, counter: 9, clock: 5e9 })
    const cutsOf = (sizes: readonly number[]) => {
      const feed = feedOf(one.subarray(0, -1_000), sizes)
      feed.cut()
      feed.fill(3, 0)
      return feedOf(other, sizes, feed).segments.segments
    }
    const expected = cutsOf([1e6])
    expect(expected.length).toBeGreaterThan(5)
    expect(expected.filter(({ isDiscontinuity }) => isDiscontinuity)).toHaveLength(1)
    const size = fc.integer({ min: 1, max: 40_000 })
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 6 }), (sizes) => {
        fc.pre(sizes.reduce((sum, each) => sum + each, 0) / sizes.length > 500)
        expect(cutsOf(sizes)).toEqual(expected)
      }),
      { numRuns: 15 },
    )
  })

  test('touch, and are together the stream from its first entry on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 300 }),
        fc.constantFrom('h264', 'hevc', 'mpeg2', 'audio-only'),
        (gop, firstFrame, codec) => {
          const feed = feedOf(broadcast(40, { gop, firstFrame, codec }))
          const { segments } = feed.segments
          expect(segments.length).toBeGreaterThan(1)
          for (const [n, { index, from }] of segments.entries()) {
            expect(index).toBe(n)
            if (n > 0) expect(from).toBe(segments[n - 1]?.to)
          }
          const first = segments[0]?.from ?? 0
          const firstEntry = feed.buffer.entryPoints[0]?.position ?? Number.POSITIVE_INFINITY
          expect(first).toBeLessThanOrEqual(firstEntry)
          const end = segments.at(-1)?.to ?? 0
          const parts = segments.map(({ from, to }) => bytesOf(feed, from, to))
          expect(Buffer.concat(parts).equals(bytesOf(feed, first, end))).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  test.each(['h264', 'hevc', 'mpeg2'] as const)(
    'of %s can each be decoded by themselves: PAT, PMT and an entry come first',
    (codec) => {
      const feed = feedOf(broadcast(30, { codec, gop: 40 }))
      const { segments } = feed.segments
      expect(segments.length).toBeGreaterThan(4)
      for (const segment of segments) {
        const bytes = served(feed, segment)
        expect(bytes.length % 188).toBe(0)
        const { problems, firsts } = judge(bytes)
        expect(problems).toEqual([])
        expect(firsts.slice(0, 3)).toEqual(['pat', 'pmt', 'video entry'])
      }
      const whole = Buffer.concat(segments.map((segment) => served(feed, segment)))
      const repeated = (each: string) => !/pid (0|4096) counts/.test(each)
      expect(judge(whole).problems.filter(repeated)).toEqual([])
    },
  )

  test('end at the first entry after 4 s, with durations by the clock', () => {
    const feed = feedOf(broadcast(30, { gop: 35 }))
    expect(durations(feed).slice(0, 5)).toEqual([4.2, 4.2, 4.2, 4.2, 4.2])
    expect(feed.segments.targetS).toBe(6)
  })

  test('are as long as the pictures allow, and the target is settled by the first', () => {
    const feed = feedOf(broadcast(50, { gop: 250 }))
    expect(durations(feed)).toEqual([10, 10, 10, 10])
    expect(feed.segments.targetS).toBe(10)
  })

  test('never round to more than their target, however far apart entries come later', () => {
    const often = broadcast(20, { gop: 25 })
    const never = makeBroadcast({ gop: 100_000, firstFrame: 1, clock: 27_000_000 * 20 })
    const feed = feedOf(Buffer.concat([often, never.take(40 * FPS)]))
    expect(feed.segments.targetS).toBe(6)
    expect(durations(feed).length).toBeGreaterThan(8)
    for (const each of durations(feed)) expect(Math.round(each)).toBeLessThanOrEqual(6)
  })

  test('come from a stream without entries too', () => {
    const feed = feedOf(broadcast(60, { gop: 100_000, firstFrame: 1 }))
    expect(durations(feed).length).toBeGreaterThan(3)
    for (const segment of feed.segments.segments) {
      expect(judge(served(feed, segment)).firsts.slice(0, 2)).toEqual(['pat', 'pmt'])
    }
  })

  test('begin anew where another engine goes on, which is told, and what was before stays whole', () => {
    const feed = feedOf(broadcast(10, { gop: 25 }))
    feed.cut()
    feed.fill(5, 0)
    feedOf(broadcast(10, { gop: 25, counter: 7, clock: 9e9 }), undefined, feed)
    const { segments } = feed.segments
    const breaks = segments.map(({ isDiscontinuity }) => isDiscontinuity)
    expect(breaks).toEqual([false, false, false, true, false])
    expect(segments.map(({ discontinuities }) => discontinuities)).toEqual([0, 0, 0, 0, 1])
    const [before, after] = [segments[2], segments[3]]
    if (before === undefined || after === undefined) throw new Error('none')
    // Two whole segments of 4 s, and what was left of 10 s but its last picture.
    expect(before.durationS).toBeGreaterThan(1.5)
    expect(before.durationS).toBeLessThan(2.1)
    expect(judge(served(feed, after)).firsts.slice(0, 3)).toEqual(['pat', 'pmt', 'video entry'])
  })

  test('mark a clock that jumps without a word', () => {
    const bytes = [0, 1e10].map((clock) => broadcast(9, { gop: 25, clock }))
    const { segments } = feedOf(Buffer.concat(bytes)).segments
    expect(segments.map(({ isDiscontinuity }) => isDiscontinuity)).toEqual([
      ...[false, false, false],
      ...[true, false],
    ])
    for (const { durationS } of segments) expect(durationS).toBeLessThan(6)
  })

  test('are not cut from a clock that stands still or leaps about', () => {
    const still = Buffer.concat(Array.from({ length: 300 }, () => broadcast(0.04)))
    expect(feedOf(still).segments.segments).toEqual([])
    const leaps = [...Array(300).keys()].map((n) => broadcast(0.08, { clock: (n * 9e9) % 1e12 }))
    expect(feedOf(Buffer.concat(leaps)).segments.segments).toEqual([])
  })

  test('are forgotten with their bytes', () => {
    const feed = makeFeed({ maxBytes: 400_000, maxAgeMs: 1e9 })
    feedOf(broadcast(60, { gop: 25 }), undefined, feed)
    const { segments } = feed.segments
    expect(segments.length).toBeGreaterThan(0)
    expect(segments[0]?.from).toBeGreaterThanOrEqual(feed.buffer.start)
    expect(segments[0]?.index).toBeGreaterThan(0)
  })
})
