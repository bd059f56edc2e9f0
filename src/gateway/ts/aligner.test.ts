import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { makeBroadcast } from '../../../test/harness/ts/broadcast.ts'
import { makeAligner } from './aligner.ts'

/** Hundreds of runs take their time beside other tests. */
vi.setConfig({ testTimeout: 120_000 })

const stream = makeBroadcast().take(60)

/** What comes out, and what went in in pieces of these sizes, over and over. */
function align(bytes: Buffer, sizes: readonly number[]) {
  const aligner = makeAligner()
  const pieces: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    // The chunk is the caller's again after the call, so pieces are copied, and it is spoilt.
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    pieces.push(...aligner.push(chunk).map((piece) => Buffer.from(piece)))
    chunk.fill(0)
    at += size
  }
  return { aligner, pieces, out: Buffer.concat(pieces) }
}

const sizes = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 8 })
/** No sync byte in it, so that what is garbage is certain. */
const garbage = fc
  .uint8Array({ minLength: 1, maxLength: 700 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x47 ? 0 : byte))))

describe('an aligner', () => {
  test('makes the same whole packets of any chunks', () => {
    fc.assert(
      fc.property(sizes, (some) => {
        const { out, pieces, aligner } = align(stream, some)
        expect(out.equals(stream)).toBe(true)
        expect(pieces.every(({ length }) => length % 188 === 0)).toBe(true)
        expect(aligner.skippedBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('finds the packets again after garbage anywhere, and counts what it left out', () => {
    const packets = stream.length / 188
    // What comes before it is known for packets only if there are some in a row.
    const place = fc.oneof(fc.constant(0), fc.integer({ min: 5, max: packets - 10 }))
    fc.assert(
      fc.property(garbage, place, sizes, (noise, packet, some) => {
        const at = packet * 188
        const { out, aligner } = align(
          Buffer.concat([stream.subarray(0, at), noise, stream.subarray(at)]),
          some,
        )
        expect(out.equals(stream)).toBe(true)
        expect(aligner.skippedBytes).toBe(noise.length)
      }),
      { numRuns: 100 },
    )
  })

  test('drops a packet whose sync byte is broken, and the torn end of one that was cut', () => {
    const broken = Buffer.from(stream)
    broken[40 * 188] = 0
    const rest = [stream.subarray(0, 40 * 188), stream.subarray(41 * 188)]
    expect(align(broken, [1_000]).out.equals(Buffer.concat(rest))).toBe(true)
    const cut = Buffer.concat([stream.subarray(0, 40 * 188 + 99), stream.subarray(60 * 188)])
    const whole = [stream.subarray(0, 40 * 188), stream.subarray(60 * 188)]
    const { out } = align(cut, [cut.length])
    // The torn packet takes its missing bytes from the one behind it, whose own rest is then garbage.
    expect(out.subarray(0, 40 * 188).equals(stream.subarray(0, 40 * 188))).toBe(true)
    expect(out.subarray(-100 * 188).equals(Buffer.concat(whole).subarray(-100 * 188))).toBe(true)
  })

  test('hands on slices, and copies no more than a packet for each chunk', () => {
    const aligner = makeAligner()
    const chunk = Buffer.from(stream.subarray(0, 10_000))
    aligner.push(chunk)
    const next = Buffer.from(stream.subarray(10_000, 20_000))
    const [torn, rest, ...others] = aligner.push(next)
    expect(torn?.length).toBe(188)
    expect(rest?.buffer).toBe(next.buffer)
    expect(others).toEqual([])
  })

  test.each([192, 204])('refuses packets of %i bytes, and says so', (size) => {
    const extra = Buffer.alloc(size - 188, 1)
    const packets = Array.from({ length: 40 }, (_, i) => stream.subarray(i * 188, i * 188 + 188))
    const { out, aligner } = align(Buffer.concat(packets.flatMap((p) => [p, extra])), [500])
    expect(out.length).toBe(0)
    expect(aligner.content).toEqual({ kind: 'refused', packetBytes: size })
  })

  test('hands other content on as it is, also if it is full of sync bytes or short', () => {
    const mp4 = Buffer.concat([Buffer.from('\0\0\0\x20ftypisom'), Buffer.alloc(40_000, 0x47)])
    fc.assert(
      fc.property(sizes, (some) => {
        const { out, aligner } = align(mp4, some)
        expect(aligner.content).toEqual({ kind: 'other' })
        expect(out.equals(mp4)).toBe(true)
      }),
      { numRuns: 20 },
    )
    const { aligner } = align(Buffer.from('ID3'), [1])
    expect(aligner.content.kind).toBe('undecided')
    expect(Buffer.concat(aligner.end()).toString()).toBe('ID3')
    expect(aligner.content).toEqual({ kind: 'other' })
  })
})
