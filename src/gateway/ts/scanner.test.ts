import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type BroadcastOptions, makeBroadcast } from '../../../test/harness/ts/broadcast.ts'
import { judge } from '../../../test/harness/ts/judge.ts'
import { joinPreamble, skipPreamble } from './entry-point.ts'
import { makeScanner } from './scanner.ts'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

/** Everything that is found in this stream, read in chunks of so many packets. */
function scanAll(bytes: Buffer, packets = 7) {
  const scanner = makeScanner()
  const points = []
  for (let at = 0; at < bytes.length; at += packets * 188) {
    points.push(...scanner.scan(bytes.subarray(at, at + packets * 188), at))
  }
  return { scanner, points }
}

const codecs: BroadcastOptions['codec'][] = ['h264', 'h264-open', 'hevc', 'mpeg2']

describe('a scanner', () => {
  test.each(codecs)('finds each entry of %s, whether it is marked or not', (codec) => {
    for (const isMarked of [true, false]) {
      const stream = makeBroadcast({ codec, isMarked, gop: 5 }).take(50)
      const { points } = scanAll(stream)
      expect(points.length).toBe(10)
      for (const point of points) {
        const { firsts } = judge(
          Buffer.concat([joinPreamble(point), stream.subarray(point.position)]),
        )
        expect(firsts.slice(0, 3)).toEqual(['pat', 'pmt', 'video entry'])
      }
    }
  })

  test('lets a radio begin at any PES packet, in steps that are worth it', () => {
    const stream = makeBroadcast({ codec: 'audio-only' }).take(600)
    const { points } = scanAll(stream)
    expect(points.length).toBeGreaterThan(3)
    const steps = points.slice(1).map((p, i) => p.position - (points[i]?.position ?? 0))
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(32 * 1024)
    expect(stream.length - (points.at(-1)?.position ?? 0)).toBeLessThan(34 * 1024)
  })

  test('finds nothing in encrypted pictures but what is marked', () => {
    for (const isMarked of [true, false]) {
      const stream = makeBroadcast({ isMarked, gop: 5 }).take(50)
      for (let at = 0; at < stream.length; at += 188) {
        const pid = stream.readUInt16BE(at + 1) & 0x1fff
        if (pid === 0x100) stream[at + 3] = (stream[at + 3] ?? 0) | 0x80
      }
      expect(scanAll(stream).points.length).toBe(isMarked ? 10 : 0)
    }
  })

  test('finds the same, however the stream is divided', () => {
    const stream = makeBroadcast({ descriptorBytes: 400, clockPid: 0x77 }).take(60)
    const whole = scanAll(stream, 1e6)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (packets) => {
        const { points, scanner } = scanAll(stream, packets)
        expect(points).toEqual(whole.points)
        expect(scanner.here()).toEqual(whole.scanner.here())
      }),
      { numRuns: 20 },
    )
  })

  test.each([0, 170, 900])('reads a map with %i bytes of descriptors', (descriptorBytes) => {
    const { scanner } = scanAll(makeBroadcast({ descriptorBytes, mapPid: 0x123 }).take(20))
    expect(scanner.tables?.programmes).toMatchObject([
      {
        number: 1,
        mapPid: 0x123,
        clockPid: 0x100,
        streams: [
          { pid: 0x100, type: 0x1b },
          { pid: 0x101, type: 0x0f },
        ],
      },
    ])
  })

  test('follows tables that change, and believes none with a bad CRC', () => {
    const first = makeBroadcast().take(10)
    const second = makeBroadcast({ version: 1, videoPid: 0x200, mapPid: 0x999 }).take(10)
    const { scanner } = scanAll(Buffer.concat([first, second]))
    expect(scanner.tables?.programmes[0]).toMatchObject({ mapPid: 0x999, clockPid: 0x200 })
    const bad = Buffer.from(first)
    for (let at = 0; at < bad.length; at += 188) {
      if ((bad.readUInt16BE(at + 1) & 0x1fff) === 0x1000) bad[at + 15] = (bad[at + 15] ?? 0) ^ 1
    }
    expect(scanAll(bad).scanner.tables).toBeUndefined()
  })

  test('measures the bit rate by the clock, across its wrap', () => {
    for (const clock of [0, 2 ** 33 * 300 - 27_000_000]) {
      const stream = makeBroadcast({ clock }).take(100)
      const bitrate = scanAll(stream).scanner.bitrate ?? 0
      expect(bitrate / ((stream.length * 8) / 4)).toBeCloseTo(1, 1)
    }
  })

  test('counts lost packets once for each gap, and neither repeated packets nor told breaks', () => {
    const stream = makeBroadcast().take(40)
    expect(scanAll(stream).scanner.continuityErrors).toBe(0)
    const at = 50 * 188
    const twice = [stream.subarray(0, at), stream.subarray(at - 188, at), stream.subarray(at)]
    expect(scanAll(Buffer.concat(twice)).scanner.continuityErrors).toBe(0)
    const lost = [stream.subarray(0, at), stream.subarray(at + 188)]
    expect(scanAll(Buffer.concat(lost)).scanner.continuityErrors).toBe(1)
  })

  test('gives a viewer who goes on after a gap counters, tables and a clock that no decoder objects to', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 15 }),
        fc.constantFrom(0, 0x77),
        fc.integer({ min: 1, max: 300 }),
        (counter, clockPid, packets) => {
          const stream = makeBroadcast({ counter, clockPid, clock: 5e9 }).take(120)
          const point = scanAll(stream).points.at(-1)
          if (point === undefined) throw new Error('no entry point')
          const seen = stream.subarray(0, packets * 188)
          const all = [seen, skipPreamble(point), stream.subarray(point.position)]
          expect(judge(Buffer.concat(all)).problems).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  test('throws at no bytes whatever, and remembers no more PIDs than a broadcast has', () => {
    const noise = fc.uint8Array({ minLength: 188 * 20, maxLength: 188 * 20 })
    fc.assert(
      fc.property(noise, (bytes) => {
        const packets = Buffer.from(bytes)
        for (let at = 0; at < packets.length; at += 188) {
          packets[at] = 0x47
          // Half of them are tables.
          if (at % 376 === 0) packets.set([0x40, 0, 0x10, 0, 0, 0xb0], at + 1)
        }
        scanAll(packets)
      }),
      { numRuns: 200 },
    )
    const pids = Buffer.alloc(4_000 * 188, 0x47)
    for (let n = 0; n < 4_000; n += 1) pids.writeUInt16BE(n + 1, n * 188 + 1)
    expect(scanAll(pids).scanner.here().counters.size).toBe(256)
  })
})
