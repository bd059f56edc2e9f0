import { describe, expect, test, vi } from 'vitest'
import { makeClock, systemClock } from '../../src/time/clock.ts'
import {
  collectLog,
  failureOf,
  open,
  openConnected,
  PATIENCE,
  startServer,
  untilAnswered,
} from './bench.ts'
import { INCREMENT } from './scripts.ts'

vi.setConfig({ testTimeout: 60_000 })

describe('what was sent is never sent again', () => {
  test.each(['cut', 'hang'] as const)(
    'a script whose reply was lost ran once, and its caller is told: %s',
    async (after) => {
      const { redis, proxy, proxyUrl } = await startServer()
      const data = await openConnected(proxyUrl)
      // The server knows the script from here on.
      await data.run(INCREMENT, ['other'], [])
      proxy.loseReplies(after, 1)
      const error = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(error.message).toContain(`redis://127.0.0.1:${proxy.port}`)

      // Another connection has come, and whatever was kept for it would be first.
      await untilAnswered(() => data.run(INCREMENT, ['other'], []))
      expect(await redis.command('get', 'n')).toBe('1')
    },
  )

  test('of many calls under way when the connection breaks none stays pending, and none runs twice', async () => {
    const { redis, proxy, proxyUrl } = await startServer()
    const data = await openConnected(proxyUrl)
    proxy.setLatency({ toServer: 0, toClient: 200 })
    const calls = Array.from({ length: 50 }, (_, n) => data.run(INCREMENT, [`n${n}`], []))
    const settled = Promise.allSettled(calls)
    await vi.waitUntil(async () => (await redis.command('dbsize')) === 50, PATIENCE)
    proxy.cut()
    const failed = (await settled).filter(({ status }) => status === 'rejected')
    expect(failed.length).toBe(50)

    await proxy.heal()
    await untilAnswered(() => data.run(INCREMENT, ['other'], []))
    const counts = await redis.command('mget', ...calls.map((_, n) => `n${n}`))
    expect(counts).toEqual(calls.map(() => '1'))
  })

  test('a script that the server has forgotten is sent whole, and runs once', async () => {
    const { redis } = await startServer()
    const data = await openConnected(redis.url)
    expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
    await redis.command('script', 'flush')
    expect(await data.run(INCREMENT, ['n'], [])).toBe(2)
    expect(await data.run(INCREMENT, ['n'], [])).toBe(3)
  })
})

describe('a server that is away', () => {
  test('that is killed rejects what is under way and what follows; restarted, it is another one', async () => {
    const { redis } = await startServer()
    const data = await openConnected(redis.url)
    const before = data.server().runId
    redis.signal('SIGSTOP')
    const underWay = failureOf(data.run(INCREMENT, ['n'], []))
    await redis.kill()
    await underWay
    const error = await failureOf(data.run(INCREMENT, ['n'], []))
    expect(error.message).toMatch(/not connected/)
    expect(() => data.server()).toThrow(error.message)

    await redis.restart()
    expect(await untilAnswered(() => data.run(INCREMENT, ['n'], []))).toBe(1)
    expect(data.server().runId).not.toBe(before)
  })

  test('that is frozen rejects within the limit, and is the same one when it goes on', async () => {
    const { redis } = await startServer()
    const data = await openConnected(redis.url, { commandTimeoutMs: 300 })
    const before = data.server().runId
    redis.signal('SIGSTOP')
    const error = await failureOf(data.run(INCREMENT, ['n'], []))
    expect(error.message).toContain('no answer within 300 ms')
    // The dead connection is given up, so that nothing piles up on it.
    await vi.waitUntil(() => isAway(() => data.server()), PATIENCE)

    redis.signal('SIGCONT')
    await untilAnswered(() => data.run(INCREMENT, ['other'], []))
    expect(data.server().runId).toBe(before)
  })

  test('behind a black hole is reached again when that is over', async () => {
    const { proxy, proxyUrl } = await startServer()
    const data = await openConnected(proxyUrl, { commandTimeoutMs: 300 })
    proxy.blackHole()
    await failureOf(data.run(INCREMENT, ['n'], []))
    await vi.waitUntil(() => isAway(() => data.server()), PATIENCE)
    await proxy.heal()
    await untilAnswered(() => data.run(INCREMENT, ['n'], []))
  })

  test('is asked for at most some times a second, and told of once', async () => {
    const { redis, proxy, proxyUrl } = await startServer()
    const { lines, log } = collectLog()
    await redis.kill()
    // The proxy takes each connection and hangs up, as what stands before a dead server does.
    const data = open(proxyUrl, { log })
    let asked = 0
    const watchedUntil = performance.now() + 2_000
    while (performance.now() < watchedUntil) {
      await failureOf(data.run(INCREMENT, ['n'], []))
      asked++
      await systemClock.sleep(5)
    }
    expect(asked).toBeGreaterThan(20)
    // 50, 100, 200, 400, 800 ms and a second each: at most 7 in 2 s.
    expect(proxy.accepted()).toBeGreaterThan(1)
    expect(proxy.accepted()).toBeLessThan(10)
    expect(lines).toHaveLength(1)

    await redis.restart()
    await untilAnswered(() => data.run(INCREMENT, ['n'], []))
    expect(lines).toHaveLength(2)
  })

  test('is asked no more when too many calls wait for it', async () => {
    const { redis } = await startServer()
    const data = await openConnected(redis.url)
    redis.signal('SIGSTOP')
    const calls = Array.from({ length: 1_200 }, () => failureOf(data.run(INCREMENT, ['n'], [])))
    const refused = (await Promise.all(calls)).filter(({ message }) => /wait/.test(message))
    expect(refused).toHaveLength(200)
  })

  test('is left alone once disposed, and nobody waits any more', async () => {
    const { redis, proxy, proxyUrl } = await startServer()
    const data = await openConnected(proxyUrl)
    redis.signal('SIGSTOP')
    const underWay = failureOf(data.run(INCREMENT, ['n'], []))
    await data[Symbol.asyncDispose]()
    await underWay
    expect((await failureOf(data.run(INCREMENT, ['n'], []))).message).toContain('closed')
    await failureOf(data.connected())
    await vi.waitUntil(() => proxy.open() === 0, PATIENCE)

    const never = open(proxyUrl)
    const waiting = failureOf(never.connected())
    await never[Symbol.asyncDispose]()
    await waiting
    await expect(open(proxyUrl).connected(AbortSignal.abort('enough'))).rejects.toBe('enough')
  })
})

describe('a server that will not do', () => {
  test('a replica is refused, and named with its master', async () => {
    const { redis: master } = await startServer()
    const { redis } = await startServer({ replicaOf: { host: '127.0.0.1', port: master.port } })
    const data = open(redis.url)
    await vi.waitFor(async () => {
      const { message } = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(message).toContain(`a replica of 127.0.0.1:${master.port}`)
    }, PATIENCE)
  })

  test('a master that becomes a replica is given up, and taken again as a master', async () => {
    const { redis: other } = await startServer()
    const { redis } = await startServer()
    // Without the look at it every ten seconds: the refusal alone must do.
    const clock = makeClock({
      ...systemClock,
      timer: (ms, fire) => systemClock.timer(ms, ms >= 10_000 ? () => {} : fire),
    })
    const data = await openConnected(redis.url, { clock })
    await redis.command('replicaof', '127.0.0.1', other.port)
    const error = await failureOf(data.run(INCREMENT, ['n'], []))
    expect(error.message).toContain('READONLY')
    await vi.waitUntil(() => isAway(() => data.server()), PATIENCE)
    await redis.command('replicaof', 'no', 'one')
    await untilAnswered(() => data.run(INCREMENT, ['n'], []))
  })

  test('a database that is not there is refused, and nothing is written to another one', async () => {
    const { redis } = await startServer()
    const data = open(`${redis.url}/99`)
    await vi.waitFor(async () => {
      const { message } = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(message).toContain('DB index is out of range')
    }, PATIENCE)
    expect(await redis.command('dbsize')).toBe(0)

    const second = await openConnected(`${redis.url}/2`)
    await second.run(INCREMENT, ['n'], [])
    expect(await redis.command('info', 'keyspace')).toMatch(/db2:keys=1/)
  })

  test('one that may drop keys works, with a warning', async () => {
    const { redis } = await startServer({ config: ['maxmemory-policy allkeys-lru'] })
    const data = await openConnected(redis.url)
    expect(data.warnings()).toEqual([expect.stringContaining('allkeys-lru')])
    const sound = await openConnected((await startServer()).redis.url)
    expect(sound.warnings()).toEqual([])
  })
})

test("the server's clock is known from the first call on, and looked at again", async () => {
  const { redis } = await startServer()
  let aheadMs = 60_000
  const clock = makeClock({
    now: () => Date.now() + aheadMs,
    monotonic: () => performance.now(),
    // What comes every ten seconds comes at once.
    timer: (ms, fire) => systemClock.timer(ms >= 10_000 ? 50 : ms, fire),
  })
  const data = await openConnected(redis.url, { clock })
  const first = data.server().skewMs
  expect(Math.abs(first + 60_000)).toBeLessThan(1_000)
  // What was known before is never told again.
  const skewMs = () => (isAway(data.server) ? undefined : data.server().skewMs)
  aheadMs = -60_000
  expect(skewMs()).toBeUndefined()
  await vi.waitUntil(() => skewMs() !== undefined, PATIENCE)
  expect(Math.abs((skewMs() ?? 0) - 60_000)).toBeLessThan(1_000)
  aheadMs = 0
  await vi.waitUntil(() => skewMs() !== undefined, PATIENCE)
  expect(skewMs()).toBe(0)
})

function isAway(look: () => unknown): boolean {
  try {
    look()
    return false
  } catch {
    return true
  }
}
