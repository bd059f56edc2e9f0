import { expect, test } from 'vitest'
import { makeScanner } from '../../src/gateway/ts/scanner.ts'
import { makeSplicer } from '../../src/gateway/ts/splicer.ts'
import { checkStream } from '../harness/check-stream.ts'
import { makeChannel } from '../standins/engine/channel.ts'
import { readClip } from '../standins/engine/clip.ts'
import { makeLoop } from '../standins/engine/loop.ts'

const bitrate = 2_000_000
const channel = makeChannel('a1'.repeat(20), makeLoop(readClip(), bitrate, 1920))
const someTime = 1_800_000_000_000
const chunkBytes = 188 * 500

/** Seconds of the content, from a time on. */
function record(fromS: number, seconds: number): Buffer {
  const bytes = Math.floor((channel.bytesPerS * seconds) / 188) * 188
  return channel.read(channel.placeAt(someTime + fromS * 1000), bytes)
}

const chunksOf = (bytes: Buffer) =>
  Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, n) =>
    bytes.subarray(n * chunkBytes, (n + 1) * chunkBytes),
  )

test('the gateway reads the stand-in’s streams as they are: rate, counters, and each keyframe', () => {
  const scanner = makeScanner()
  let position = 0
  let entries = 0
  const bytes = record(0, 20)
  for (const chunk of chunksOf(bytes)) {
    entries += scanner.scan(chunk, position).length
    position += chunk.length
  }
  expect(scanner.continuityErrors).toBe(0)
  expect(Math.abs(Number(scanner.bitrate) / bitrate - 1)).toBeLessThan(0.02)
  expect(entries).toBe(checkStream(bytes).keyframes)
})

test.for([
  ['is behind, and sends again what came already', 7, -1],
  ['is ahead, so that something is missing', 14, 1],
] as const)('a strict viewer sees one announced jump when the next engine %s', ([, atS, sign]) => {
  const splicer = makeSplicer()
  const scanner = makeScanner()
  const out: Buffer[] = []
  let position = 0
  const pour = (bytes: Buffer) => {
    for (const chunk of chunksOf(bytes)) {
      for (const piece of splicer.push(chunk)) {
        scanner.scan(piece, position)
        position += piece.length
        out.push(Buffer.from(piece))
      }
    }
  }
  pour(record(0, 10))
  splicer.cut(scanner.here())
  pour(record(atS, 10))
  const { problems, jumps } = checkStream(Buffer.concat(out), { jumps: 'signalled' })
  expect(problems).toEqual([])
  expect(jumps.map(({ ms, isSignalled }) => [Math.sign(ms), isSignalled])).toEqual([[sign, true]])
})
