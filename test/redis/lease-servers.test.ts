import { expect, onTestFinished, test, vi } from 'vitest'
import { LeaseServersAway } from '../../src/lease/servers.ts'
import {
  type LeaseServersOptions,
  type OpenLeaseServers,
  openLeaseServers,
} from '../../src/redis/lease-servers.ts'
import { RedisUrlInvalid } from '../../src/redis/url.ts'
import { systemClock } from '../../src/time/clock.ts'
import { startRedis } from '../harness/redis.ts'
import { collectLog, owned, PATIENCE, type Server, startServer } from './bench.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Long enough for a busy machine not to see it lapse, ms. */
const LONG_MS = 60_000

const startServers = (count: number) =>
  Promise.all(Array.from({ length: count }, () => startServer({ password: 'S3CRET' })))

function open(
  urls: readonly string[],
  options: Partial<LeaseServersOptions> = {},
): OpenLeaseServers {
  return owned(
    openLeaseServers({
      ...{ urls, prefix: 'acefleet:test:', clock: systemClock, commandTimeoutMs: 1_000 },
      ...options,
    }),
  )
}

/** All of those whose number is given are connected. */
async function connected(servers: OpenLeaseServers, ...numbers: number[]): Promise<void> {
  await vi.waitUntil(
    () => numbers.every((k) => servers.states()[k]?.trouble === undefined),
    PATIENCE,
  )
}

const proxyUrls = (servers: readonly Server[]) => servers.map(({ proxyUrl }) => proxyUrl)

test('a lease that two of three granted is given to nobody else by one that forgot it (I7)', async () => {
  const [first, second, third] = await Promise.all([startRedis(), startRedis(), startRedis()])
  for (const redis of [first, second, third]) owned(redis)
  const urls = [first.url, second.url, third.url]
  await third.kill()
  const [a, b] = [open(urls), open(urls)]
  await connected(a, 0, 1)
  await connected(b, 0, 1)
  const grant = await a.acquire('home', LONG_MS)
  expect(grant).toBeDefined()

  // The third never knew of the lease, the second has forgotten it.
  await third.restart()
  await second.kill()
  await second.restart()
  await connected(b, 0, 1, 2)
  expect(await b.acquire('home', LONG_MS)).toBeUndefined()
  expect(await b.acquire('home', LONG_MS)).toBeUndefined()

  // It votes again when every lease that it may have forgotten has lapsed.
  await vi.waitFor(async () => expect(await b.acquire('other', 200)).toBeDefined(), PATIENCE)
})

test('an extension goes by what the servers say, not by the wall clock', async () => {
  const { redis } = await startServer()
  const servers = open([redis.url])
  await connected(servers, 0)
  const grant = await servers.acquire('home', LONG_MS)
  const now = Date.now
  const step = vi.spyOn(Date, 'now').mockImplementation(() => now() + 10 * LONG_MS)
  onTestFinished(() => step.mockRestore())
  expect(await grant?.extend(LONG_MS)).toBe('extended')
})

test('a lease that another one has put its name on is lost', async () => {
  const { redis } = await startServer()
  const servers = open([redis.url])
  await connected(servers, 0)
  const grant = await servers.acquire('home', LONG_MS)
  await redis.command('set', 'acefleet:test:lease:home', 'thief')
  expect(await grant?.extend(LONG_MS)).toBe('lost')
  await grant?.release()
  expect(await redis.command('get', 'acefleet:test:lease:home')).toBe('thief')
})

test('a lost reply of an acquisition costs its ttl, one of an extension nothing', async () => {
  const { redis, proxy, proxyUrl } = await startServer()
  const servers = open([proxyUrl])
  await connected(servers, 0)
  proxy.loseReplies('cut', 1)
  await expect(servers.acquire('home', 1_500)).rejects.toThrow(LeaseServersAway)
  const grant = await vi.waitFor(async () => {
    const granted = await servers.acquire('home', LONG_MS)
    expect(granted).toBeDefined()
    return granted
  }, PATIENCE)

  proxy.loseReplies('cut', 1)
  await expect(grant?.extend(LONG_MS)).rejects.toThrow(LeaseServersAway)
  await vi.waitFor(async () => expect(await grant?.extend(LONG_MS)).toBe('extended'), PATIENCE)
  expect(await redis.command('keys', '*')).toEqual(['acefleet:test:lease:home'])
})

test('an epoch whose reply was lost is refused when it is raised again, never taken twice (I6)', async () => {
  const { proxy, proxyUrl } = await startServer()
  const servers = open([proxyUrl])
  await connected(servers, 0)
  proxy.loseReplies('cut', 1)
  await expect(servers.raiseEpoch('home', 7)).rejects.toThrow(LeaseServersAway)
  expect(await vi.waitFor(() => servers.raiseEpoch('home', 7), PATIENCE)).toBe(false)
  expect(await servers.readEpoch('home')).toBe(7)
})

test('who is away is named with its trouble, who is there is not, and no password is told', async () => {
  const servers = await startServers(3)
  const client = open(proxyUrls(servers))
  await connected(client, 0, 1, 2)
  const [dead, , refusing] = servers
  await dead?.redis.kill()
  await refusing?.proxy.refuse()
  await vi.waitUntil(
    () => client.states().filter(({ trouble }) => trouble !== undefined).length === 2,
    PATIENCE,
  )
  const error = await client.acquire('home', LONG_MS).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(LeaseServersAway)
  const said = `${(error as Error).stack} ${JSON.stringify(error)} ${JSON.stringify(client.states())}`
  expect(said).not.toContain('S3CRET')
  const { message } = error as Error
  expect(message).toContain('2 of 3 lease servers')
  for (const [k, { proxy }] of servers.entries()) {
    expect(message.includes(`:${proxy.port}`)).toBe(k !== 1)
  }
})

test('servers that are there and refuse are a trouble when they are a majority, until they do not', async () => {
  const servers = await startServers(3)
  const client = open(proxyUrls(servers))
  await connected(client, 0, 1, 2)
  expect(client.trouble()).toBeUndefined()
  const permit = (change: '+eval' | '-eval', ...some: number[]) =>
    Promise.all(some.map((k) => servers[k]?.redis.command('acl', 'setuser', 'default', change)))
  await permit('-eval', 0)
  await client.acquire('home', LONG_MS)
  await vi.waitUntil(() => client.trouble() === undefined, PATIENCE)
  await permit('-eval', 1)
  await expect(client.acquire('away', LONG_MS)).rejects.toThrow('NOPERM')
  expect(client.trouble()).toMatch(/^2 of 3 lease servers .*NOPERM/)
  await permit('+eval', 0, 1)
  await client.acquire('away', LONG_MS)
  await vi.waitUntil(() => client.trouble() === undefined, PATIENCE)
  await permit('-eval', 0, 1, 2)
  // A single answer that fails is no news yet.
  await expect(client.readEpoch('home')).rejects.toThrow('NOPERM')
  expect(client.trouble()).toBeUndefined()
  await expect(client.readEpoch('home')).rejects.toThrow('NOPERM')
  expect(client.trouble()).toMatch(/^3 of 3/)
  await permit('+eval', 0, 1, 2)
  await client.readEpoch('home')
  await vi.waitUntil(() => client.trouble() === undefined, PATIENCE)
})

test('one server under two names is a trouble, whatever the third one says', async () => {
  const [one, other] = await startServers(2)
  const client = open([one?.redis.url, one?.proxyUrl, other?.redis.url].map(String))
  await connected(client, 0, 1, 2)
  await expect(client.acquire('home', LONG_MS)).rejects.toThrow('the same server')
  expect(client.trouble()).toContain('the same server')
})

test('while all are away they are asked for some times a second, and told of once each', async () => {
  const servers = await startServers(3)
  const { lines, log } = collectLog()
  await Promise.all(servers.map(({ redis }) => redis.kill()))
  const client = open(proxyUrls(servers), { log })
  const cpuBefore = process.cpuUsage()
  const until = performance.now() + 2_000
  while (performance.now() < until) {
    await expect(client.acquire('home', LONG_MS)).rejects.toThrow(LeaseServersAway)
    await systemClock.sleep(20)
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  // Of the 2 s that one core has; redlock's own loop would take all of it.
  expect((user + system) / 1_000).toBeLessThan(1_500)
  for (const { proxy } of servers) {
    expect(proxy.accepted()).toBeGreaterThan(1)
    expect(proxy.accepted()).toBeLessThan(10)
  }
  expect(lines).toHaveLength(3)
  expect(lines.join()).not.toContain('S3CRET')
})

test('connections are not given up for one late answer', async () => {
  const servers = await startServers(1)
  const client = open(proxyUrls(servers), { commandTimeoutMs: 300 })
  await connected(client, 0)
  const [server] = servers
  server?.proxy.setLatency({ toServer: 250, toClient: 250 })
  await expect(client.acquire('home', LONG_MS)).rejects.toThrow('no answer within 300 ms')
  server?.proxy.setLatency({ toServer: 0, toClient: 0 })
  await vi.waitFor(
    async () => expect(await client.acquire('home', LONG_MS)).toBeDefined(),
    PATIENCE,
  )
  expect(server?.proxy.accepted()).toBe(1)
})

test('as many servers as can be outvoted, each once', async () => {
  const { redis, proxyUrl } = await startServer()
  const [first, second, third] = [1, 2, 3].map((port) => `redis://127.0.0.1:${port}`)
  if (first === undefined || second === undefined || third === undefined) throw new Error()
  expect(() => open([])).toThrow(RedisUrlInvalid)
  expect(() => open([first, second])).toThrow('1, 3 or 5')
  expect(() => open([first, second, `${first}/1`])).toThrow('named twice')

  // Under two names it shows only by its run_id.
  const twins = open([redis.url, proxyUrl, third])
  await connected(twins, 0, 1)
  await expect(twins.acquire('home', LONG_MS)).rejects.toThrow('the same server')
})
