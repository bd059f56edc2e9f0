import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { checkStream, makeStreamChecker } from '../../harness/check-stream.ts'
import {
  engineInProcess,
  type InProcessEngine,
  openStream,
  readBytes,
} from '../../harness/engine-in-process.ts'

const play = (engine: InProcessEngine, id = 'one') =>
  openStream(`${engine.url}/ace/getstream?id=${id}&pid=${id}`)

/** How a stream ends. */
function ending(stream: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    stream.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message))
    stream.on('end', () => resolve('end'))
    stream.resume()
  })
}

const sentBytes = async (engine: InProcessEngine) => (await engine.state()).sessions[0]?.sentBytes

/** Until the engine has written nothing between two questions that another stream's second of bytes lies between. */
async function settled(engine: InProcessEngine): Promise<number> {
  const before = await sentBytes(engine)
  const other = await play(engine, 'clock')
  await readBytes(other, 400_000)
  other.destroy()
  const after = await sentBytes(engine)
  return after === before ? Number(after) : settled(engine)
}

test('two engines that play the same content say the same at the same place', async () => {
  await using first = await engineInProcess()
  await using second = await engineInProcess({ lagMs: 400, skewBytes: 37 })
  const [one, two] = [await play(first), await play(second)]
  const [early, late] = [await readBytes(one, 500_000), await readBytes(two, 300_000)]
  const [from, to] = [checkStream(early), checkStream(late.subarray(188 - 37))]
  expect([from.problems, to.problems]).toEqual([[], []])
  expect(Number(to.first?.liveMs)).toBeLessThan(Number(from.last?.liveMs))
  // What the second begins with stands in the first as well, if that began earlier.
  const whole = late.subarray(188 - 37, 188 - 37 + 188 * 20)
  expect(early.includes(whole)).toBe(Number(from.first?.number) <= Number(to.first?.number))
  expect(to.first?.infohash).toBe(from.first?.infohash)
})

test('a reader begins so far behind as is set, and catches up at the rate that is set', async () => {
  await using engine = await engineInProcess({ backlogMs: 8000, burst: 4 })
  const stream = await play(engine)
  const begun = Date.now()
  const { first, last } = checkStream(await readBytes(stream, 1_000_000))
  const passedMs = Date.now() - begun
  expect(begun - Number(first?.liveMs)).toBeGreaterThan(7900)
  expect(begun - Number(first?.liveMs)).toBeLessThan(9000 + passedMs)
  // 4 s of content at four times the rate are a second; a busy machine takes longer.
  expect(Number(last?.liveMs) - Number(first?.liveMs)).toBeLessThan(4 * (passedMs + 300))
})

test('a content has its own rate, and a reader that keeps up misses nothing', async () => {
  await using engine = await engineInProcess()
  await engine.setTraits({ id: 'fast', bitrate: 8_000_000 })
  const [slow, fast] = [await play(engine, 'slow'), await play(engine, 'fast')]
  const [some, more] = await Promise.all([readBytes(slow, 500_000), readBytes(fast, 2_000_000)])
  for (const bytes of [some, more]) expect(checkStream(bytes).problems).toEqual([])
  const lengthMs = (bytes: Buffer) => {
    const { first, last } = checkStream(bytes)
    return (Number(last?.liveMs) - Number(first?.liveMs)) / bytes.length
  }
  expect(lengthMs(some) / lengthMs(more)).toBeCloseTo(4, 1)
})

test('a reader that falls too far behind loses what it missed, and goes on at a packet', async () => {
  await using engine = await engineInProcess({ bitrate: 40_000_000, backlogMs: 0, keepsMs: 300 })
  const stream = await play(engine)
  const checker = makeStreamChecker({ jumps: 'signalled' })
  checker.push(await readBytes(stream, 100_000))
  await expect.poll(() => settledWhileUnread(engine), { timeout: 60_000, interval: 50 }).toBe(true)
  while (checker.report().jumps.length === 0) checker.push(await readBytes(stream, 100_000))
  const [jump] = checker.report().jumps
  expect(jump?.ms).toBeGreaterThan(0)
  expect(checker.report().problems.some((problem) => problem.includes('sync'))).toBe(false)
}, 90_000)

/** The buffers between are full: the engine sends no more to who does not read. */
async function settledWhileUnread(engine: InProcessEngine): Promise<boolean> {
  const before = await sentBytes(engine)
  const other = await play(engine, 'clock')
  await readBytes(other, 2_000_000)
  other.destroy()
  return before === (await sentBytes(engine))
}

test.for([
  ['end', 'end'],
  ['drop', 'ECONNRESET'],
  ['reset', 'ECONNRESET'],
] as const)(
  'Failure modes: a stream closes mid-packet, by %s, and the reader sees %s',
  async ([cutBy, seen]) => {
    await using engine = await engineInProcess({ cutAfterBytes: 100_001, cutBy })
    const stream = await play(engine)
    let length = 0
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    expect(await ending(stream)).toBe(seen)
    expect(length).toBeLessThanOrEqual(100_001)
    if (cutBy === 'end') expect(length).toBe(100_001)
    await expect.poll(async () => (await engine.state()).sessions[0]?.isRead).toBe(false)
  },
)

test('Failure modes: a stream stalls mid-packet with its socket open, and goes on where it was', async () => {
  await using engine = await engineInProcess()
  const stream = await play(engine)
  const before = await readBytes(stream, 100_000)
  await engine.setTraits({ id: 'one', stallAfterBytes: 0 })
  stream.resume()
  const chunks = [before]
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const sent = await settled(engine)
  await expect.poll(() => Buffer.concat(chunks).length).toBe(sent)
  await engine.setTraits({ id: 'one', stallAfterBytes: null })
  await expect
    .poll(() => Buffer.concat(chunks).length, { timeout: 10_000 })
    .toBeGreaterThan(sent + 500_000)
  expect(checkStream(Buffer.concat(chunks)).problems).toEqual([])
})

test('Failure modes: a stall of a set length ends by itself', async () => {
  await using engine = await engineInProcess({ stallAfterBytes: 100_001, stallMs: 500 })
  const stream = await play(engine)
  const before = await readBytes(stream, 100_001)
  expect(before.length).toBe(100_001)
  const begun = performance.now()
  const after = await readBytes(stream, 200_000)
  expect(performance.now() - begun).toBeGreaterThan(300)
  expect(checkStream(Buffer.concat([before, after])).problems).toEqual([])
})
