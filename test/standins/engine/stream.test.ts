import { expect, test } from 'vitest'
import { checkStream, makeStreamChecker } from '../../harness/check-stream.ts'
import {
  engineInProcess,
  type InProcessEngine,
  openStream,
  readBytes,
} from '../../harness/engine-in-process.ts'
import { watchStream } from '../../harness/watch-stream.ts'

const play = (engine: InProcessEngine, id = 'one') =>
  openStream(`${engine.url}/ace/getstream?id=${id}&pid=${id}`)

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
  await using first = await engineInProcess({ backlogMs: 3000 })
  await using second = await engineInProcess({ lagMs: 400, skewBytes: 37 })
  const [one, two] = [await play(first), await play(second)]
  // It began in the middle of a packet.
  const late = (await readBytes(two, 300_000)).subarray(188 - 37)
  const to = checkStream(late)
  let early = await readBytes(one, 500_000)
  while (Number(checkStream(early).last?.liveMs) < Number(to.last?.liveMs)) {
    early = Buffer.concat([early, await readBytes(one, 100_000)])
  }
  expect([checkStream(early).problems, to.problems]).toEqual([[], []])
  expect(early.includes(late.subarray(0, to.packets * 188))).toBe(true)
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
    const whole = 531
    await using engine = await engineInProcess({ cutAfterBytes: whole * 188 + 37, cutBy })
    await using watcher = await watchStream(`${engine.url}/ace/getstream?id=one`)
    expect(await watcher.ended).toBe(seen)
    const { packets, problems } = watcher.report()
    expect(problems).toEqual([])
    expect(packets).toBeLessThanOrEqual(whole)
    if (cutBy === 'end') expect(packets).toBe(whole)
    await expect.poll(async () => (await engine.state()).sessions[0]?.isRead).toBe(false)
  },
)

test('Failure modes: a stream stalls with its socket open, and goes on where it was', async () => {
  await using engine = await engineInProcess()
  await using watcher = await watchStream(`${engine.url}/ace/getstream?id=one`)
  const packets = () => watcher.report().packets
  await engine.setTraits({ id: 'one', stallAfterBytes: 0 })
  const sent = await settled(engine)
  await expect.poll(packets).toBe(Math.floor(sent / 188))
  await engine.setTraits({ id: 'one', stallAfterBytes: null })
  await expect.poll(packets, { timeout: 10_000 }).toBeGreaterThan(sent / 188 + 2000)
  expect(watcher.report().problems).toEqual([])
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
