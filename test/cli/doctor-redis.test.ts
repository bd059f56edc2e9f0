import { expect, onTestFinished, test, vi } from 'vitest'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { type StartRedisOptions, startRedis } from '../harness/redis.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { type CliFakes, cliHere } from './in-process.ts'

vi.setConfig({ testTimeout: 60_000 })

const SECRET = 'S3CRET/with:odd@letters'
/** A port on which nothing listens: it takes a right that tests do not have. */
const NOTHING = 'redis://127.0.0.1:1'

async function start(options: StartRedisOptions = {}) {
  const redis = await startRedis(options)
  onTestFinished(() => redis[Symbol.asyncDispose]())
  return redis
}

async function startThree() {
  return await Promise.all([start(), start(), start()])
}

/** What the doctor says of Redis; of the rest there are tests of their own. */
async function examine(args: readonly string[], fakes: CliFakes = {}) {
  const { out, err } = await cliHere(['doctor', '-o', 'json', '--server', '127.0.0.1:1', ...args], {
    ...fakes,
  })
  expect(err).toBe('')
  for (const text of [SECRET, encodeURIComponent(SECRET)]) expect(out).not.toContain(text)
  const { items } = JSON.parse(out) as { items: Finding[] }
  return items.filter(({ check }) => /redis|lease/i.test(check))
}

const about = (findings: readonly Finding[], check: string) =>
  findings.filter((each) => each.check === check)

test('a server in good order passes, and nothing is written to it', async () => {
  const redis = await start()
  const findings = await examine(['--redis', redis.url])
  expect(findings.map(({ check, verdict }) => `${check}: ${verdict}`)).toEqual([
    'Redis: ok',
    'Redis memory: ok',
    'Redis data: ok',
    'Redis clock: ok',
    'lease servers: ok',
    'lease: ok',
  ])
  expect(about(findings, 'Redis')[0]?.message).toMatch(/^redis:.* answers within .* ms, Redis \d/)
  expect(about(findings, 'lease')[0]?.message).toContain('a lease of 6s, renewed every 2s')
  expect(await redis.command('dbsize')).toBe(0)
})

test('where Redis is, the data directory does not matter, and the other way round', async () => {
  const redis = await start()
  const checks = async (...args: string[]) => {
    const { out } = await cliHere(['doctor', '-o', 'json', ...args])
    return (JSON.parse(out) as { items: Finding[] }).items.map(({ check }) => check)
  }
  expect(await checks('--redis', redis.url)).not.toContain('data directory')
  const alone = await checks()
  expect(alone).toContain('data directory')
  expect(alone).not.toContain('Redis')
})

test.each([
  [
    'a password that is missing',
    async () => (await start({ password: SECRET })).url.replace(/\/\/.*@/, '//'),
    /NOAUTH/,
    /passwordFile=FILE/,
  ],
  [
    'a password that is wrong',
    async () =>
      (await start({ password: 'other' })).url.replace('other', encodeURIComponent(SECRET)),
    /WRONGPASS/,
    /passwordFile=FILE/,
  ],
  ['a server that is not there', async () => NOTHING, /ECONNREFUSED/, /start Redis there/],
  ['a host that is not there', async () => 'redis://no.invalid', /no\.invalid/, /host name/],
  [
    'a replica',
    async () => {
      const { port } = await start()
      return (await start({ replicaOf: { host: '127.0.0.1', port } })).url
    },
    /is a replica of 127/,
    /name the master/,
  ],
  [
    'a user who may not run scripts',
    async () => {
      const redis = await start()
      await redis.command('acl', 'setuser', 'few', 'on', `>${SECRET}`, '~*', '+info', '+time')
      return redis.url.replace('//', `//few:${encodeURIComponent(SECRET)}@`)
    },
    /NOPERM/,
    /ACL SETUSER/,
  ],
])('%s fails, with what mends it and no secret', async (_, urlOf, message, mend) => {
  const findings = await examine(['--redis', await urlOf()])
  const [reach] = about(findings, 'Redis')
  expect(reach).toMatchObject({ verdict: 'fail', message: expect.stringMatching(message) })
  expect(reach?.mend).toMatch(mend)
  expect(about(findings, 'Redis settings')).toMatchObject([{ verdict: 'skipped' }])
  expect(about(findings, 'lease')).toMatchObject([
    { verdict: 'fail', message: expect.stringContaining('only 0 of 1 lease servers') },
  ])
})

test('the rights that it advises are enough, for itself and for the store', async () => {
  const redis = await start()
  const rights = ['~acefleet:*', '+@all', '-@dangerous', '+info']
  await redis.command('acl', 'setuser', 'fleet', 'on', `>${SECRET}`, ...rights)
  const url = redis.url.replace('//', `//fleet:${encodeURIComponent(SECRET)}@`)
  const findings = await examine(['--redis', url])
  expect(findings.map(({ verdict }) => verdict)).toEqual(Array(6).fill('ok'))
  const data = openRedis({ url, clock: systemClock })
  onTestFinished(() => data[Symbol.asyncDispose]())
  await data.connected()
  const store = openRedisStore({
    redis: data,
    instance: 'default',
    newId: () => 'i',
    clock: systemClock,
  })
  expect(await store.openTerm('home', 'nas:1', 0, 5)).toBe(5)
  expect(await store.statuses()).toEqual([])
})

test('a server that drops what it holds when memory is short fails; one that may come to, warns', async () => {
  const policy = 'maxmemory-policy allkeys-lru'
  const full = await start({ config: ['maxmemory 50mb', policy] })
  const data = await start({ config: [policy] })
  const findings = await examine(['--redis', data.url, '--lease-redis', full.url])
  expect(about(findings, 'Redis memory')).toMatchObject([
    { verdict: 'warn', mend: expect.stringContaining('noeviction') },
  ])
  const lease = about(findings, 'lease server 1')
  expect(lease).toMatchObject([{ verdict: 'ok' }, { verdict: 'fail' }])
  expect(lease[1]?.message).toContain('when memory is short it drops leases')
})

test('tells what a restart would forget', async () => {
  const dataOf = async (options: StartRedisOptions) =>
    about(await examine(['--redis', (await start(options)).url]), 'Redis data')[0]
  expect(await dataOf({})).toMatchObject({
    verdict: 'ok',
    message: expect.stringMatching(/^kept in memory only/),
  })
  expect(await dataOf({ appendOnly: true })).toMatchObject({
    verdict: 'ok',
    message: expect.stringContaining('append-only file'),
  })
  expect(await dataOf({ config: ['save 3600 1'] })).toMatchObject({
    verdict: 'ok',
    message: expect.stringContaining('snapshots'),
  })
})

test('a clock that goes differently is warned of', async () => {
  const redis = await start()
  const clock = { ...systemClock, now: () => Date.now() + 5_000 }
  const findings = await examine(['--redis', redis.url], { clock })
  expect(about(findings, 'Redis clock')).toMatchObject([
    { verdict: 'warn', message: expect.stringContaining('5.0 s behind the one here') },
  ])
})

test('one server under two names fails, and several on one host are warned of', async () => {
  const [a, b, c] = await startThree()
  const twin = `redis://localhost:${a.port}`
  const lease = (...urls: string[]) => ['--redis', a.url, '--lease-redis', ...urls]
  const twins = about(await examine(lease(a.url, twin, c.url)), 'lease servers')
  expect(twins[0]).toMatchObject({
    verdict: 'fail',
    message: `${a.url} and ${twin} are the same server`,
  })
  const neighbours = about(await examine(lease(a.url, b.url, c.url)), 'lease servers')
  expect(neighbours.map(({ verdict }) => verdict)).toEqual(['warn', 'warn'])
})

test('one lease server of three may be away, two may not', async () => {
  const [a, b] = await startThree()
  const lease = (...urls: string[]) => ['--redis', a.url, '--lease-redis', ...urls]
  const one = await examine(lease(a.url, b.url, NOTHING))
  expect(about(one, 'lease server 3')).toMatchObject([{ verdict: 'fail' }])
  expect(about(one, 'lease')).toMatchObject([{ verdict: 'ok' }])
  const two = await examine(lease(a.url, NOTHING, 'redis://127.0.0.1:2'))
  expect(about(two, 'lease')).toMatchObject([
    { verdict: 'fail', message: expect.stringContaining('only 1 of 3') },
  ])
})

test('flags that cannot be right are a finding, and end no other check', async () => {
  for (const [args, reason] of [
    [['--redis', NOTHING, '--lease-redis', 'redis://a', 'redis://b'], '2 servers are named'],
    [['--lease-redis', 'redis://a'], 'needs --redis'],
    [['--redis', `redis://h:p${SECRET}`], 'ACEFLEET_REDIS'],
    [['--redis', NOTHING, '--lease-ttl', '1s'], '--lease-ttl 1s is too short'],
  ] as const)
    expect(await examine(args)).toMatchObject([
      { check: 'Redis', verdict: 'fail', message: expect.stringContaining(reason) },
    ])
})

test('a way that is too long for the lease is warned of, or fails', async () => {
  const redis = await start()
  const proxy = await startTcpProxy(redis)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const lease = ['--redis', redis.url, '--lease-redis', `redis://127.0.0.1:${proxy.port}`]
  proxy.setLatency({ toServer: 75, toClient: 75 })
  expect(about(await examine(lease), 'lease')).toMatchObject([{ verdict: 'warn' }])
  proxy.setLatency({ toServer: 220, toClient: 220 })
  expect(about(await examine(lease), 'lease')).toMatchObject([{ verdict: 'fail' }])
})
