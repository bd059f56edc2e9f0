import { expect, test, vi } from 'vitest'
import { openLeaseServers } from '../../src/redis/lease-servers.ts'
import { systemClock } from '../../src/time/clock.ts'
import { startSentinelSet } from '../harness/sentinel-set.ts'
import { failureOf, open, openConnected, owned, PATIENCE } from './bench.ts'
import { INCREMENT } from './scripts.ts'

vi.setConfig({ testTimeout: 120_000 })

/** A failover takes down-after, an election and the replica's promotion: seconds. */
const FAILOVER = { ...PATIENCE, timeout: 90_000 }

test.each([
  ['is killed', 'kill'],
  ['is frozen', 'freeze'],
  ['is demoted while it lives', 'demote'],
] as const)(
  'the next master is found, and is another server, when the first %s',
  async (_, how) => {
    const set = owned(await startSentinelSet({ sentinels: how === 'demote' ? 3 : 1 }))
    const data = await openConnected(set.url)
    expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
    await vi.waitFor(async () => expect(await set.replica.command('get', 'n')).toBe('1'), PATIENCE)
    const before = data.server().runId

    if (how === 'kill') await set.master.kill()
    else if (how === 'freeze') set.master.signal('SIGSTOP')
    else await set.failover()

    await vi.waitFor(async () => {
      await data.run(INCREMENT, ['n'], [])
      expect(data.server().runId).not.toBe(before)
    }, FAILOVER)
    // Until it is told, some ten seconds later, it goes on taking writes that nobody will ever see again.
    if (how === 'demote') {
      expect(await set.master.command('info', 'replication')).toContain('role:master')
    }
    expect(String(await set.replica.command('info', 'server'))).toContain(data.server().runId)
    expect(Number(await set.replica.command('get', 'n'))).toBeGreaterThan(1)
    expect(data.address).toBe(set.url)
  },
)

test('a replica that was promoted does not vote for a lease until one ttl has passed (I7)', async () => {
  const set = owned(await startSentinelSet())
  const servers = owned(
    openLeaseServers({ urls: [set.url], prefix: 'acefleet:test:', clock: systemClock }),
  )
  const grant = await vi.waitFor(() => servers.acquire('home', 60_000), PATIENCE)
  expect(grant).toBeDefined()
  await set.master.kill()
  // The replica has been up for as long as the master: what it may have missed does not show in its age.
  await vi.waitFor(
    () =>
      expect(servers.acquire('away', 60_000)).rejects.toThrow(/took the place of another server/),
    FAILOVER,
  )
  expect(await vi.waitFor(() => servers.acquire('away', 100), PATIENCE)).toBeDefined()
})

test('sentinels and servers each get the password of theirs, and nobody hears of it', async () => {
  const set = owned(
    await startSentinelSet({ password: 'S3CRET-data', sentinelPassword: 'S3CRET-sentinel' }),
  )
  const data = await openConnected(set.url)
  expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
  expect(data.address).not.toContain('S3CRET')

  const [withoutFile = ''] = set.url.split('?')
  const refused = open(withoutFile)
  await vi.waitFor(async () => {
    const { message } = await failureOf(refused.run(INCREMENT, ['n'], []))
    expect(message).toMatch(/sentinels are unreachable.*NOAUTH/)
    expect(message).not.toContain('S3CRET')
  }, PATIENCE)
})

test('a sentinel that is dead does not hide the others', async () => {
  const set = owned(await startSentinelSet({ sentinels: 3 }))
  const dead = set.url.replace('redis+sentinel://', 'redis+sentinel://127.0.0.1:1,')
  const data = await openConnected(dead)
  expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
})
