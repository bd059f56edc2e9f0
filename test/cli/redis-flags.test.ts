import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { LookOptions, RunOptions } from '../../src/cli/run-options.ts'
import { cliHere } from './in-process.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'acefleet-redis-flags-'))
})
afterAll(() => rm(dir, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

/** What the server is started with. */
async function settings(args: readonly string[], env: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const seen: RunOptions[] = []
  const { err } = await cliHere(['run', '--spec', 'a', ...args], {
    runServer: async (options) => {
      seen.push(options)
      return 0
    },
  })
  expect(err).toBe('')
  return seen[0]?.redis
}

describe('several replicas', () => {
  it('need one Redis only: the lease is kept there too, for 6 s at a time', async () => {
    expect(await settings([])).toBeUndefined()
    expect(await settings(['--redis', 'redis://h'])).toMatchObject({
      url: 'redis://h',
      leaseUrls: ['redis://h'],
      timing: { ttlMs: 6_000, renewMs: 2_000 },
    })
  })

  it('take lease servers one by one, behind each other, or joined by commas or spaces', async () => {
    const leaseUrls = ['redis://a', 'rediss://b:1', 'redis://c']
    const redis = ['--redis', 'redis://h']
    const [a = '', b = '', c = ''] = leaseUrls
    for (const args of [
      ['--lease-redis', a, b, c],
      ['--lease-redis', a, '--lease-redis', b, '--lease-redis', c],
      ['--lease-redis', `${a}, ${b} ${c}`],
    ])
      expect(await settings([...redis, ...args])).toMatchObject({ leaseUrls })
    const env = { ACEFLEET_REDIS: 'redis://h', ACEFLEET_LEASE_REDIS: leaseUrls.join(',') }
    expect(await settings([], env)).toMatchObject({ url: 'redis://h', leaseUrls })
  })

  it('leave the commas of sentinels alone', async () => {
    const url = 'redis+sentinel://a:1,b:2,c:3/main'
    const env = { ACEFLEET_REDIS: url, ACEFLEET_LEASE_REDIS: url }
    expect(await settings([], env)).toMatchObject({ url, leaseUrls: [url] })
  })

  it('take URLs from files, so that passwords stand on no command line', async () => {
    const [one, three] = [join(dir, 'one'), join(dir, 'three')]
    await writeFile(one, 'redis://:secret@h\n')
    await writeFile(three, 'redis://a\nredis://b\nredis://c\n')
    const expected = {
      url: 'redis://:secret@h',
      leaseUrls: ['redis://a', 'redis://b', 'redis://c'],
    }
    const env = { ACEFLEET_REDIS_FILE: one, ACEFLEET_LEASE_REDIS_FILE: three }
    expect(await settings([], env)).toMatchObject(expected)
    vi.unstubAllEnvs()
    const flags = ['--redis-file', one, '--lease-redis-file', three]
    expect(await settings(flags)).toMatchObject(expected)
  })

  it('take other times for the lease', async () => {
    const flags = ['--redis', 'redis://h', '--lease-ttl', '1m', '--lease-renew', '5500ms']
    expect(await settings(flags)).toMatchObject({ timing: { ttlMs: 60_000, renewMs: 5_500 } })
  })
})

it('plan reads what replicas remember', async () => {
  const spec = join(dir, 'home.yaml')
  const text = 'apiVersion: acefleet/v1\nkind: EngineFleet\nmetadata: {name: home}\n'
  await writeFile(spec, `${text}spec: {replicas: 1, vpn: {mode: none}}\n`)
  const seen: LookOptions[] = []
  const { code, err } = await cliHere(['plan', '--spec', spec, '--redis', 'redis://h'], {
    planOnce: async (options) => {
      seen.push(options)
      return { actions: [], conditions: [] }
    },
  })
  expect([code, err]).toEqual([0, ''])
  expect(seen[0]?.redis).toEqual({ url: 'redis://h' })
})
