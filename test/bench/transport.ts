import { makeFeed } from '../../src/gateway/fanout/feed.ts'
import { makeAligner } from '../../src/gateway/ts/aligner.ts'
import { makeScanner } from '../../src/gateway/ts/scanner.ts'
import { makeBroadcast } from '../harness/ts/broadcast.ts'
import type { BenchRun, Figures } from './bench.ts'
import { median, round } from './figures.ts'

/** What a socket's read hands over at most. */
const CHUNK_BYTES = 65_536
/** 8 s at 8 Mbit/s, sent so often in each of the rounds. */
const FRAMES = 200
const PICTURE_BYTES = 36_000
const TIMES = 20
const ROUNDS = 5

type Push = (chunk: Buffer) => void

function alignAndScan(): Push {
  const aligner = makeAligner()
  const scanner = makeScanner()
  let position = 0
  return (chunk) => {
    for (const piece of aligner.push(chunk)) {
      scanner.scan(piece, position)
      position += piece.length
    }
  }
}

function feedOf(stream: Buffer, isSpliced: boolean): Push {
  const feed = makeFeed({ maxBytes: 4_000_000, maxAgeMs: 30_000 })
  let now = 0
  feed.push(Buffer.from(stream.subarray(0, 1_000_000)), now)
  if (isSpliced) feed.cut()
  return (chunk) => {
    now += 1
    feed.push(chunk, now)
  }
}

/** MB per second of CPU: the median round. The first of all warms the code up. */
function speed(stream: Buffer, start: () => Push): number {
  const speeds = Array.from({ length: ROUNDS + 1 }, () => {
    const push = start()
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; at += CHUNK_BYTES) {
      chunks.push(Buffer.from(stream.subarray(at, at + CHUNK_BYTES)))
    }
    const before = process.cpuUsage()
    for (let time = 0; time < TIMES; time += 1) chunks.forEach(push)
    const { user, system } = process.cpuUsage(before)
    return (stream.length * TIMES) / (user + system)
  })
  return median(speeds.slice(1))
}

/** What an upstream costs the gateway before any viewer: bytes per CPU second of its parts. */
export async function transport({ say }: BenchRun): Promise<Figures> {
  const stream = makeBroadcast({ gop: 50, pictureBytes: PICTURE_BYTES }).take(FRAMES)
  say(`${(stream.length / 1e6).toFixed(1)} MB of stream, ${ROUNDS} rounds`)
  return {
    scan_mb_per_cpu_s: round(speed(stream, alignAndScan), 0),
    feed_mb_per_cpu_s: round(
      speed(stream, () => feedOf(stream, false)),
      0,
    ),
    spliced_mb_per_cpu_s: round(
      speed(stream, () => feedOf(stream, true)),
      0,
    ),
  }
}
