import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import { cycleBytes, cyclePackets, makeTransportStream, packetBytes } from './transport-stream.ts'

const bitrate = 2_000_000

/** PCR base of a packet, at 90 kHz. */
const pcr = (packet: Buffer) => packet.readUInt32BE(6) * 2 + (packet.readUInt8(10) >> 7)

/** PTS of a packet that begins a PES behind an adaptation field of eight bytes. */
const pts = (packet: Buffer) =>
  ((packet.readUInt8(21) >> 1) & 7) * 2 ** 30 +
  (packet.readUInt16BE(22) >> 1) * 2 ** 15 +
  (packet.readUInt16BE(24) >> 1)

test('a stream is valid for longer than every counter in it needs to wrap', () => {
  const stream = makeTransportStream(bitrate)
  const bytes = Buffer.concat([stream.take(1), stream.take(50), stream.take(3)])
  expect(checkStream(bytes)).toEqual({ packets: 54 * cyclePackets, problems: [] })
})

test('its clock says the time that its bytes take at the bit rate', () => {
  const cycles = 20_000
  const bytes = makeTransportStream(bitrate, cycles).take(1)
  const packet = bytes.subarray(2 * packetBytes)
  const seconds = (cycles * cycleBytes * 8) / bitrate
  expect(pcr(packet)).toBe(Math.floor(seconds * 90_000))
  expect(pts(packet)).toBe(pcr(packet))
})

test('its clock wraps at 33 bits, and its count goes on', () => {
  const cycles = Math.ceil((2 ** 33 / 90_000) * (bitrate / 8 / cycleBytes)) + 10
  const packet = makeTransportStream(bitrate, cycles)
    .take(1)
    .subarray(2 * packetBytes)
  expect(pcr(packet)).toBeLessThan(90_000)
  expect(pts(packet)).toBe(pcr(packet))
  expect(packet.readBigUInt64BE(26)).toBe(BigInt(cycles) * 20n)
})

test.for([
  [
    'a lost packet',
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 940), bytes.subarray(1128)]),
  ],
  ['a flipped bit in a table', (bytes: Buffer) => bytes.fill(9, 10, 11)],
  ['a sync byte that is none', (bytes: Buffer) => bytes.fill(0, 188, 189)],
] as const)('the check finds %s', ([, spoil]) => {
  const bytes = spoil(makeTransportStream(bitrate).take(5))
  expect(checkStream(bytes).problems).not.toEqual([])
})
