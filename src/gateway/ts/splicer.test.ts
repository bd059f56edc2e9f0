import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type BroadcastOptions, makeBroadcast } from '../../../test/harness/ts/broadcast.ts'
import { judge } from '../../../test/harness/ts/judge.ts'
import { makeScanner } from './scanner.ts'
import { makeSplicer } from './splicer.ts'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

/** Upstreams one after the other, each in chunks of so many packets, as viewers get them. */
function splice(upstreams: readonly Buffer[], packets = 7) {
  const splicer = makeSplicer()
  const scanner = makeScanner()
  const out: Buffer[] = []
  let end = 0
  for (const [turn, upstream] of upstreams.entries()) {
    if (turn > 0) splicer.cut(scanner.here())
    // It is written to.
    const bytes = Buffer.from(upstream)
    for (let at = 0; at < bytes.length; at += packets * 188) {
      for (const piece of splicer.push(bytes.subarray(at, at + packets * 188))) {
        scanner.scan(piece, end)
        end += piece.length
        out.push(Buffer.from(piece))
      }
    }
  }
  return { out: Buffer.concat(out), splicer }
}

const codec = fc.constantFrom<BroadcastOptions['codec']>('h264', 'hevc', 'mpeg2', 'audio-only')
const cutPackets = fc.integer({ min: 0, max: 30 })
/** A stream without its first or last packets: engines begin and end wherever they are. */
const upstream = fc.record({
  codec,
  isMarked: fc.boolean(),
  counter: fc.integer({ min: 0, max: 15 }),
  firstFrame: fc.integer({ min: 0, max: 40 }),
  clock: fc.constantFrom(0, 1e9, 2 ** 33 * 300 - 27_000_000),
  clockPid: fc.constantFrom(0, 0x77),
  version: fc.integer({ min: 0, max: 31 }),
  videoPid: fc.constantFrom(0x100, 0x200),
  audioPid: fc.constantFrom(0x101, 0x201),
  mapPid: fc.constantFrom(0x1000, 0x300),
  descriptorBytes: fc.constantFrom(0, 100, 400),
  head: cutPackets,
  tail: cutPackets,
})

function cutOut(options: typeof upstream extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const bytes = makeBroadcast(options).take(40)
  return bytes.subarray(options.head * 188, bytes.length - options.tail * 188)
}

describe('a splice', () => {
  test('of any two or three streams shows a strict decoder no error', () => {
    fc.assert(
      fc.property(
        fc.array(upstream, { minLength: 2, maxLength: 3 }),
        fc.integer({ min: 1, max: 50 }),
        (upstreams, packets) => {
          const [first, ...others] = upstreams.map((each, turn) =>
            cutOut(turn === 0 ? { ...each, head: 0, firstFrame: 0 } : each),
          )
          if (first === undefined) throw new Error('no upstream')
          const { out } = splice([first, ...others], packets)
          expect(judge(out).problems).toEqual([])
          // Alone, what follows the first seam is a whole stream, no half of anything in it.
          expect(judge(out.subarray(first.length))).toMatchObject({ problems: [], torn: [] })
        },
      ),
      { numRuns: 60 },
    )
  })

  test('begins with tables and an entry, and tells of the new time base once', () => {
    const first = makeBroadcast().take(33)
    const second = makeBroadcast({ counter: 5, firstFrame: 7, clock: 7e9 }).take(60)
    const { out, splicer } = splice([first, second])
    const seam = out.subarray(first.length)
    expect(judge(seam).firsts.slice(0, 3)).toEqual(['pat', 'pmt', 'video entry'])
    expect(judge(seam)).toMatchObject({ problems: [], torn: [] })
    expect(judge(out)).toMatchObject({ problems: [], breaks: [0x100] })
    expect(splicer.mode).toBe('rewriting')
  })

  test('puts a packet with the clock before an entry that has none', () => {
    const second = makeBroadcast({ clockPid: 0x77, clock: 7e9, counter: 3 }).take(60)
    const { out } = splice([makeBroadcast({ clockPid: 0x77 }).take(33), second.subarray(20 * 188)])
    expect(judge(out)).toMatchObject({ problems: [], breaks: [0x77] })
  })

  test('keeps the version of tables that say the same, and raises that of others', () => {
    const first = makeBroadcast({ version: 4 }).take(20)
    const versions = (second: Partial<BroadcastOptions>) => {
      const { out } = splice([first, makeBroadcast(second).take(40)])
      expect(judge(out).problems).toEqual([])
      const scanner = makeScanner()
      scanner.scan(out, 0)
      const sections = [scanner.tables?.pat, scanner.tables?.programmes[0]?.section]
      return sections.map((section) => ((section?.[5] ?? 0) >> 1) & 31)
    }
    expect(versions({ version: 9 })).toEqual([4, 4])
    expect(versions({ version: 4, videoPid: 0x200 })).toEqual([4, 5])
    expect(versions({ version: 4, mapPid: 0x300, descriptorBytes: 400 })).toEqual([5, 5])
  })

  test('leaves a stream alone that goes on as the old one would have, and copies nothing of it', () => {
    const whole = makeBroadcast({ firstFrame: 0 }).take(200)
    const splicer = makeSplicer()
    const scanner = makeScanner()
    const first = Buffer.from(whole)
    expect(splicer.push(first)).toEqual([first])
    expect(splicer.push(first)[0]).toBe(first)
    scanner.scan(whole, 0)
    // The same again, with every counter where the first one ended: tables are told once more, then it begins after them.
    const second = Buffer.from(whole)
    const here = scanner.here()
    for (let at = 0; at < second.length; at += 188) {
      const step = (here.counters.get(second.readUInt16BE(at + 1) & 0x1fff) ?? 0) + 1
      second[at + 3] = ((second[at + 3] ?? 0) & 0xf0) | (((second[at + 3] ?? 0) + step) & 15)
    }
    splicer.cut(here)
    splicer.push(second)
    expect(splicer.mode).toBe('passing')
    const chunk = Buffer.from(second)
    expect(splicer.push(chunk)[0]).toBe(chunk)
    expect(chunk.equals(second)).toBe(true)
  })

  test('gives the search for an entry up after a bound, and stays without error', () => {
    const splicer = makeSplicer(100 * 188)
    const scanner = makeScanner()
    const first = makeBroadcast().take(20)
    splicer.push(first)
    scanner.scan(first, 0)
    splicer.cut(scanner.here())
    const second = makeBroadcast({ gop: 1_000, firstFrame: 1, counter: 9 }).take(100)
    const out: Buffer[] = [first]
    for (let at = 0; at < second.length; at += 10 * 188) {
      expect(splicer.mode).toBe(at <= 90 * 188 ? 'seeking' : 'rewriting')
      const pieces = splicer.push(second.subarray(at, at + 10 * 188))
      out.push(...pieces.map((piece) => Buffer.from(piece)))
    }
    expect(judge(Buffer.concat(out)).problems).toEqual([])
  })
})
