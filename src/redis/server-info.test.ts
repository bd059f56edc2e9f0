import { expect, test } from 'vitest'
import { readServerInfo } from './server-info.ts'

const info = (fields: Record<string, string>) =>
  ['# Server', ...Object.entries(fields).map(([key, value]) => `${key}:${value}`), ''].join('\r\n')

const MASTER = {
  run_id: 'abc',
  uptime_in_seconds: '7',
  role: 'master',
  loading: '0',
  maxmemory_policy: 'noeviction',
}

test('a master in good order is told apart by its run_id and age', () => {
  expect(readServerInfo(info(MASTER))).toEqual({
    runId: 'abc',
    uptimeMs: 7_000,
    refusal: undefined,
    warning: undefined,
  })
})

test('a replica is refused, naming its master', () => {
  const replica = { ...MASTER, role: 'slave', master_host: '10.0.0.5', master_port: '6379' }
  expect(readServerInfo(info(replica)).refusal).toContain('a replica of 10.0.0.5:6379')
})

test('a server that loads, and one without run_id, are refused', () => {
  expect(readServerInfo(info({ ...MASTER, loading: '1' })).refusal).toContain('loading')
  expect(readServerInfo(info({ ...MASTER, run_id: '' })).refusal).toContain('run_id')
  expect(readServerInfo('').refusal).toContain('run_id')
})

test('a policy that may drop keys is warned of', () => {
  const { refusal, warning } = readServerInfo(info({ ...MASTER, maxmemory_policy: 'allkeys-lru' }))
  expect(refusal).toBeUndefined()
  expect(warning).toContain('allkeys-lru')
})

test('an age that is not told counts as none', () => {
  expect(readServerInfo(info({ run_id: 'abc', role: 'master' })).uptimeMs).toBe(0)
})
