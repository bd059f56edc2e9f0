import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import { makeChannel } from './channel.ts'
import { readClip } from './clip.ts'
import { makeLoop } from './loop.ts'
import { packetBytes, pids } from './packet.ts'

const infohash = 'a1'.repeat(20)
const bitrate = 2_000_000
const keyframeMs = 1920
const clip = readClip()
const loop = makeLoop(clip, bitrate, keyframeMs)
const channel = makeChannel(infohash, loop)
const loopBytes = loop.packets * packetBytes

/** Unix time at which the content's clock is 0 for the second time after a day like any other. */
const someTime = 1_800_000_000_000

const pidOf = (packet: Buffer) => packet.readUInt16BE(1) & 0x1fff
const packetsOf = (bytes: Buffer, pid: number) =>
  Array.from({ length: Math.floor(bytes.length / packetBytes) }, (_, n) =>
    bytes.subarray(n * packetBytes, (n + 1) * packetBytes),
  ).filter((packet) => pidOf(packet) === pid)

/** PCR base at 90 kHz; every first packet of a picture has one. */
const pcr = (packet: Buffer) => packet.readUInt32BE(6) * 2 + (packet.readUInt8(10) >> 7)
const hasPcr = (packet: Buffer) => (packet.readUInt8(3) & 0x20) !== 0 && packet.readUInt8(5) & 0x10

/** PTS of a packet that begins a PES behind an adaptation field. */
function pts(packet: Buffer): number {
  const at = 5 + packet.readUInt8(4) + 9
  return (
    ((packet.readUInt8(at) >> 1) & 7) * 2 ** 30 +
    (packet.readUInt16BE(at + 1) >> 1) * 2 ** 15 +
    (packet.readUInt16BE(at + 3) >> 1)
  )
}

const clocked = (bytes: Buffer) =>
  packetsOf(bytes, pids.video).filter((packet) => hasPcr(packet) && packet.readUInt8(1) & 0x40)

test.for([400_000, 2_000_000, 8_000_000])(
  'at %i bit/s a stream is valid, round after round',
  (rate) => {
    const own = makeChannel(infohash, makeLoop(clip, rate, keyframeMs))
    const bytes = own.read(own.placeAt(someTime), Math.floor(own.bytesPerS * 20))
    const { packets, problems, stamps, keyframes } = checkStream(bytes, { infohash })
    expect(problems).toEqual([])
    expect(packets).toBe(Math.floor(bytes.length / packetBytes))
    expect(stamps).toBeGreaterThan(packets / 2)
    expect([10, 11]).toContain(keyframes)
    expect(Math.abs(own.bytesPerS * 8 - rate) / rate).toBeLessThan(0.001)
  },
)

test('its clock says the time that its bytes take at the bit rate, and shows each picture later', () => {
  const start = channel.placeAt(someTime)
  const pictures = clocked(channel.read(start, loopBytes * 3))
  expect(pictures.length).toBeGreaterThanOrEqual(3 * 48 - 1)
  for (const [n, packet] of pictures.slice(1).entries()) {
    const passed = pcr(packet) - pcr(pictures[n] as Buffer)
    expect(passed).toBeGreaterThan(3600 - 400)
    expect(passed).toBeLessThan(3600 + 400)
    expect(pts(packet) - pts(pictures[n] as Buffer)).toBe(3600)
    expect(pts(packet)).toBeGreaterThan(pcr(packet))
  }
})

test('its clock wraps at 33 bits, and its stamps go on', () => {
  const rounds = Math.ceil(2 ** 33 / (keyframeMs * 90))
  const bytes = channel.read((rounds - 1) * loopBytes, 2 * loopBytes)
  const times = clocked(bytes).map(pcr)
  expect(times[0]).toBeGreaterThan(2 ** 33 - 2 * 90 * keyframeMs)
  expect(times.at(-1)).toBeLessThan(2 * 90 * keyframeMs)
  expect(checkStream(bytes).problems).toEqual([])
})

test('each keyframe is a place to begin at: tables, then a picture with parameters and the random access flag', () => {
  const bytes = channel.read(1000 * loopBytes, 3 * packetBytes)
  expect([0, 1, 2].map((n) => pidOf(bytes.subarray(n * packetBytes)))).toEqual([
    pids.pat,
    pids.pmt,
    pids.video,
  ])
  expect(bytes.readUInt8(2 * packetBytes + 5) & 0x40).toBe(0x40)
  expect(bytes.indexOf(Buffer.from([0, 0, 0, 1, 0x67]), 2 * packetBytes)).toBeGreaterThan(0)
})

test('two that read the same content have the same bytes at the same place, whenever they began', () => {
  const other = makeChannel(infohash, makeLoop(clip, bitrate, keyframeMs))
  const place = channel.placeAt(someTime) + 37
  const long = channel.read(place, 500_000)
  const pieces = [0, 1, 188, 100_001].map((from, n, all) =>
    other.read(place + from, (all[n + 1] ?? 500_000) - from),
  )
  expect(Buffer.concat(pieces).equals(long)).toBe(true)
})

test('what is live at a time says so, and other contents have other clocks', () => {
  const stampAt = (name: string, ms: number) => {
    const own = makeChannel(name, loop)
    return checkStream(own.read(own.placeAt(ms), 100 * packetBytes)).first
  }
  const stamp = stampAt(infohash, someTime)
  expect(stamp?.infohash).toBe(infohash)
  expect(Math.abs((stamp?.liveMs ?? 0) - someTime)).toBeLessThan(20)
  expect(stampAt('b2'.repeat(20), someTime)?.number).not.toBe(stamp?.number)
  expect(Math.abs(channel.liveMs(channel.placeAt(someTime)) - someTime)).toBeLessThan(1)
})

test('a bit rate that picture and sound do not fit into is refused', () => {
  expect(() => makeLoop(clip, 100_000, keyframeMs)).toThrow('too few')
  expect(() => makeLoop(clip, bitrate, 1000)).toThrow('no loop of 1000 ms')
})

/** Five seconds in which the spoiling begins at a stamp. */
const good = channel.read(channel.placeAt(someTime), 5 * 250_000)
const stampStart = good.indexOf(Buffer.from([0, 0, 1, 0xbf]), 300_000) - 4
const without = (from: number, bytes: number) =>
  Buffer.concat([good.subarray(0, from), good.subarray(from + bytes)])
const mixed = (name: string) => {
  const other = makeChannel(name, loop)
  const from = other.placeAt(someTime)
  return Buffer.concat([good.subarray(0, 188_000), other.read(from, 188_000)])
}

test.for([
  ['a lost packet', () => without(stampStart, packetBytes), 'continuity'],
  ['sixteen lost packets', () => without(stampStart, 16 * packetBytes), 'stamp'],
  ['a lost round, after which each counter fits', () => without(188_000, loopBytes), 'stamp'],
  [
    'a packet that comes twice',
    () => Buffer.concat([good.subarray(0, stampStart + packetBytes), good.subarray(stampStart)]),
    'continuity',
  ],
  ['a flipped bit in a table', () => Buffer.from(good), 'bad table'],
  [
    'a damaged stamp',
    () => Buffer.from(good).fill(9, stampStart + 100, stampStart + 101),
    'damaged',
  ],
  ['a sync byte that is none', () => Buffer.from(good).fill(9, 188, 189), 'no sync byte'],
  ['another content', () => mixed('b2'.repeat(20)), 'content b2b2'],
] as const)('the check finds %s', ([what, spoil, told]) => {
  const bytes = spoil()
  if (what === 'a flipped bit in a table') {
    const table = packetsOf(bytes, pids.pmt)[1]
    table?.fill(9, 10, 11)
  }
  expect(checkStream(bytes).problems.join('\n')).toContain(told)
})

test('the check takes a jump that is announced, and says how far it went', () => {
  const later = Buffer.from(good.subarray(stampStart + 188 * 1000))
  const announcement = Buffer.alloc(packetBytes, 0xff)
  const streams = [pids.pat, pids.pmt, pids.video, pids.audio, pids.stamp]
  const announcements = streams.map((pid) => {
    const packet = Buffer.from(announcement)
    packet.set([0x47, pid >> 8, pid & 0xff, 0x20, 183, 0x80])
    const next = packetsOf(later, pid)[0]
    // An announcement without payload repeats the counter before that of the next packet.
    packet[3] = 0x20 | (((next?.readUInt8(3) ?? 0) + 15) % 16)
    return packet
  })
  const bytes = Buffer.concat([good.subarray(0, stampStart), ...announcements, later])
  const { problems, jumps } = checkStream(bytes, { jumps: 'signalled' })
  expect(problems).toEqual([])
  expect(jumps).toMatchObject([{ isSignalled: true }])
  expect(Math.abs((jumps[0]?.ms ?? 0) - 752)).toBeLessThan(5)
  expect(checkStream(bytes).problems).toHaveLength(1)
})
