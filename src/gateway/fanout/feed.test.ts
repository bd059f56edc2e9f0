import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { makeBroadcast } from '../../../test/harness/ts/broadcast.ts'
import { judge } from '../../../test/harness/ts/judge.ts'
import type { Cursor } from './cursor.ts'
import { makeFeed } from './feed.ts'
import { BLOCK_BYTES } from './shared-buffer.ts'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

const limits = { maxBytes: 8 * BLOCK_BYTES, maxAgeMs: 30_000 }
const long = makeBroadcast({ gop: 25, counter: 3, clock: 9e9 }).take(1_500)

/** Everything that is there for this viewer. */
function readAll(cursor: Cursor, maxBytes = 65_536): Buffer {
  const buffers: Buffer[] = []
  for (;;) {
    const reading = cursor.read(maxBytes)
    if (reading.kind !== 'data') return Buffer.concat(buffers)
    buffers.push(...reading.buffers.map((each) => Buffer.from(each)))
  }
}

/** A feed that was sent this much in chunks of an odd size, one each ms; its chunk is spoilt after each. */
function feedOf(bytes: Buffer, feed = makeFeed(limits), from = 0) {
  for (let at = 0; at < bytes.length; at += 5_000) {
    const chunk = Buffer.from(bytes.subarray(at, at + 5_000))
    feed.push(chunk, from + at / 5_000)
    chunk.fill(0)
  }
  return feed
}

describe('a viewer', () => {
  test('who joins at any time sees PAT, PMT and an entry first, and no error after', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: long.length / 188 - 200 }),
        fc.integer({ min: 0, max: 100 }),
        (packets, backlogMs) => {
          const feed = feedOf(long.subarray(0, packets * 188))
          const cursor = feed.join(backlogMs, packets * (188 / 5_000))
          const head = readAll(cursor)
          feedOf(long.subarray(packets * 188), feed, 1_000)
          const { problems, firsts } = judge(Buffer.concat([head, readAll(cursor)]))
          expect(problems).toEqual([])
          expect(firsts.slice(0, 3)).toEqual(['pat', 'pmt', 'video entry'])
        },
      ),
      { numRuns: 30 },
    )
  })

  test('begins as long ago as was asked for, or as far back as there is anything', () => {
    const feed = feedOf(long.subarray(0, 400_000))
    const positions = [0, 40, 1e6].map((backlogMs) => feed.join(backlogMs, 80).position)
    const points = feed.buffer.entryPoints.map(({ position }) => position)
    expect(positions[0]).toBe(points.at(-1))
    expect(positions[2]).toBe(points[0])
    expect(feed.buffer.arrivedAt(positions[1] ?? 0)).toBeLessThanOrEqual(40)
    expect(points.filter((p) => p > (positions[1] ?? 0))).not.toEqual([])
  })

  test('who finds no entry begins with the session, and once that is gone now, with the tables', () => {
    const none = makeBroadcast({ gop: 10_000, firstFrame: 1 }).take(1_500)
    const feed = feedOf(none.subarray(0, 100_000))
    expect(feed.join(0, 20).position).toBe(0)
    feedOf(none.subarray(100_000, 900_000), feed, 20)
    const cursor = feed.join(0, 200)
    expect(cursor.position).toBe(feed.buffer.end)
    feedOf(none.subarray(900_000, 1_200_000), feed, 200)
    const { problems, firsts } = judge(readAll(cursor))
    expect(problems.filter((each) => !each.endsWith('before the clock'))).toEqual([])
    expect(firsts.slice(0, 2)).toEqual(['pat', 'pmt'])
  })

  test('gets the very same memory as the others who keep up', () => {
    const feed = feedOf(long.subarray(0, 100_000))
    const [one, other] = [feed.join(0, 20), feed.join(0, 20)].map((c) => c.read(65_536))
    if (one?.kind !== 'data' || other?.kind !== 'data') throw new Error('nothing read')
    expect(one.buffers[1]).toBe(other.buffers[1])
  })

  test('who falls behind is told by how much, and skips to the newest entry without an error', () => {
    const whole = fc.integer({ min: 1, max: 400 })
    fc.assert(
      fc.property(whole, fc.integer({ min: 188, max: 70_000 }), (packets, maxBytes) => {
        const feed = feedOf(long.subarray(0, packets * 188 + 4_000))
        const cursor = feed.join(0, 0)
        const seen: Buffer[] = []
        const first = cursor.read(maxBytes)
        if (first.kind === 'data') seen.push(...first.buffers)
        feedOf(long.subarray(packets * 188 + 4_000), feed, 100)
        const { position } = cursor
        expect(cursor.read(1_000)).toEqual({ kind: 'lagged', bytes: feed.buffer.start - position })
        expect(feed.skip(cursor)).toBe(true)
        const { problems } = judge(Buffer.concat([...seen, readAll(cursor, maxBytes)]))
        expect(problems).toEqual([])
        expect(cursor.position).toBe(feed.buffer.end)
      }),
      { numRuns: 12 },
    )
  })

  test('skips to what comes now when no entry lies ahead', () => {
    const oneEntry = makeBroadcast({ gop: 10_000 }).take(600)
    const feed = feedOf(oneEntry.subarray(0, 300_000))
    const cursor = feed.join(0, 0)
    const seen = [cursor.read(65_536)].flatMap((r) => (r.kind === 'data' ? r.buffers : []))
    expect(feed.skip(cursor)).toBe(true)
    expect(cursor.position).toBe(feed.buffer.end)
    feedOf(oneEntry.subarray(300_000), feed, 100)
    const { problems } = judge(Buffer.concat([...seen, readAll(cursor)]))
    expect(problems).toEqual([])
  })

  test('is told how long its next byte has been waiting', () => {
    const feed = feedOf(long.subarray(0, 100_000))
    const cursor = feed.resume(0)
    expect(cursor?.lag(50)).toEqual({ bytes: feed.buffer.end, ms: 50 })
    cursor?.read(50_000)
    const { bytes, ms } = cursor?.lag(50) ?? { bytes: 0, ms: 0 }
    expect(bytes).toBe(feed.buffer.end - (cursor?.position ?? 0))
    expect(Math.abs(ms - 40)).toBeLessThan(2)
  })
})

describe('memory', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push'), bytes: fc.integer({ min: 1, max: 300_000 }) }),
    fc.record({ kind: fc.constant('join'), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant('read'), bytes: fc.integer({ min: 1, max: 100_000 }) }),
    fc.record({ kind: fc.constant('skip'), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant('cut'), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant('fill'), bytes: fc.integer({ min: 1, max: 500 }) }),
  )

  test('stays within its bound whatever viewers do', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 2, max: 10 }),
        (steps, n) => {
          const feed = makeFeed({ maxBytes: n * BLOCK_BYTES, maxAgeMs: 50 })
          const cursors: Cursor[] = []
          let at = 0
          for (const [now, { kind, bytes }] of steps.entries()) {
            const cursor = cursors[bytes % Math.max(1, cursors.length)]
            if (kind === 'push') {
              feed.push(Buffer.from(long.subarray(at, at + bytes)), now)
              at = (at + bytes) % (long.length - 300_000)
            } else if (kind === 'join') cursors.push(feed.join(10, now))
            else if (kind === 'read') cursor?.read(bytes)
            else if (kind === 'skip' && cursor) feed.skip(cursor)
            else if (kind === 'cut') feed.cut()
            else feed.fill(bytes, now)
            expect(feed.buffer.heldBytes).toBeLessThanOrEqual(n * BLOCK_BYTES)
            expect(feed.buffer.end - feed.buffer.start).toBeLessThanOrEqual(feed.buffer.heldBytes)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('gives up what is older than its bound, but for the newest block', () => {
    const feed = feedOf(long.subarray(0, 400_000))
    feed.buffer.expire(29_000)
    expect(feed.buffer.heldBytes).toBe(7 * BLOCK_BYTES)
    feed.buffer.expire(40_000)
    expect(feed.buffer.heldBytes).toBe(BLOCK_BYTES)
    expect(feed.buffer.entryPoints.every((p) => p.position >= feed.buffer.start)).toBe(true)
  })
})

describe('a session', () => {
  test('goes on over upstreams that end anywhere, with null packets between, for all viewers alike', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 60_000, max: 150_000 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 20 }),
        (ends, fillers) => {
          const feed = makeFeed({ maxBytes: 1e7, maxAgeMs: 1e6 })
          feedOf(makeBroadcast().take(150), feed)
          const cursor = feed.join(1e6, 1e6)
          for (const [turn, end] of ends.entries()) {
            expect(feed.cut()).toBe(true)
            feed.fill(fillers, 1_000 + turn)
            feedOf(
              makeBroadcast({ counter: turn + 4, clock: turn * 3e9 })
                .take(200)
                .subarray(turn * 77, end),
              feed,
              2e3,
            )
          }
          expect(judge(readAll(cursor)).problems).toEqual([])
        },
      ),
      { numRuns: 12 },
    )
  })

  test('ends for each viewer when all was read', () => {
    const feed = feedOf(long.subarray(0, 50_000))
    const cursor = feed.join(0, 0)
    readAll(cursor)
    expect(cursor.read(1_000)).toEqual({ kind: 'drained' })
    feed.end(11)
    expect(cursor.read(1_000)).toEqual({ kind: 'ended' })
  })

  test('of other content is handed on as it is; it neither splices nor skips', () => {
    const film = Buffer.from(Array.from({ length: 600_000 }, (_, at) => (at * 31) % 253))
    const feed = makeFeed(limits)
    const cursor = feed.join(0, 0)
    feedOf(film.subarray(0, 300_000), feed)
    expect(feed.content.kind).toBe('other')
    const head = readAll(cursor)
    feedOf(film.subarray(300_000), feed)
    feed.fill(5, 0)
    expect(Buffer.concat([head, readAll(cursor)]).equals(film)).toBe(true)
    expect(feed.skip(cursor)).toBe(false)
    expect(feed.cut()).toBe(false)
  })

  test('takes nothing from an upstream of another kind', () => {
    const feed = feedOf(long.subarray(0, 50_000))
    const { end } = feed.buffer
    feed.cut()
    feedOf(Buffer.alloc(100_000, 1), feed)
    expect(feed.upstream.kind).toBe('other')
    expect(feed.content.kind).toBe('transport-stream')
    expect(feed.buffer.end).toBe(end)
    feed.cut()
    feedOf(makeBroadcast().take(100), feed)
    expect(feed.buffer.end).toBeGreaterThan(end)
  })

  test('is the same, packet for packet and position for position, on a replica that relays it', () => {
    const owner = feedOf(long.subarray(0, 200_000))
    const source = owner.join(1e6, 0)
    const { position, preambleBytes } = source
    const all = readAll(source)
    const preamble = all.subarray(0, preambleBytes)
    const relay = makeFeed(limits, { position, preamble })
    feedOf(all.subarray(preambleBytes), relay)
    expect(relay.buffer.end).toBe(owner.buffer.end)
    // The link breaks in the middle of a packet, and the relay asks for what it has not got.
    feedOf(long.subarray(200_000, 300_000), owner, 200)
    relay.push(readAll(owner.resume(relay.buffer.end) ?? source).subarray(0, 3_000), 200)
    relay.reattach()
    owner.cut()
    feedOf(makeBroadcast({ counter: 9, videoPid: 0x200 }).take(60), owner, 300)
    const again = owner.resume(relay.buffer.end)
    if (again === undefined) throw new Error('gone')
    feedOf(readAll(again), relay)
    expect(relay.buffer.end).toBe(owner.buffer.end)
    expect(relay.buffer.entryPoints.map((p) => p.position)).toEqual(
      owner.buffer.entryPoints.map((p) => p.position).filter((p) => p >= position),
    )
    const from = Math.max(relay.buffer.start, owner.buffer.start)
    expect(from).toBeLessThan(200_000)
    const [here, there] = [relay, owner].map((feed) => readAll(feed.resume(from) ?? source))
    expect(here?.equals(there ?? Buffer.alloc(0))).toBe(true)
    expect(judge(readAll(relay.join(1e9, 1e6))).problems).toEqual([])
    expect(owner.resume(owner.buffer.end + 188)).toBeUndefined()
  })
})
