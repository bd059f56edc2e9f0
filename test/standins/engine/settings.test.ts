import { expect, test } from 'vitest'
import { parseFlags, readSettings } from './settings.ts'

test('flags are read with = or a word after them, and others than ports take no word', () => {
  const words = [
    'python',
    'main.py',
    '--bind-all',
    '--port',
    '4500',
    '--a=b=c',
    '--x',
    '--http-port',
  ]
  expect([...parseFlags(words)]).toEqual([
    ['bind-all', ''],
    ['port', '4500'],
    ['a', 'b=c'],
    ['x', ''],
    ['http-port', ''],
  ])
})

test('a port said twice is the one of the command line, then of a flag in a variable', () => {
  const env = { HTTP_PORT: '1001', CONF: '--http-port=1002', EXTRA_FLAGS: '--http-port 1003' }
  expect(readSettings(env, ['--http-port', '1004']).ports.http).toBe(1004)
  expect(readSettings(env, []).ports.http).toBe(1003)
  expect(readSettings({ ...env, EXTRA_FLAGS: '' }, []).ports.http).toBe(1002)
  expect(readSettings({ HTTP_PORT: '1001' }, []).ports.http).toBe(1001)
})

test('without options it has the vendor’s ports and answers on loopback only', () => {
  const { ports, isBoundToAll } = readSettings({}, [])
  expect(ports).toEqual({ http: 6878, https: null, api: 62_062, p2p: 8621 })
  expect(isBoundToAll).toBe(false)
})

test('traits of all contents are set at the start, two of them also by names of their own', () => {
  const env = { STANDIN_BITRATE: '8000000', STANDIN_IDLE_MS: '500', STANDIN_TRAITS: '{"peers":0}' }
  expect(readSettings(env, []).traits).toEqual({ bitrate: 8_000_000, idleMs: 500, peers: 0 })
  expect(readSettings({}, []).traits).toEqual({})
})

test.for([
  [{ HTTP_PORT: '0' }, '--http-port'],
  [{ P2P_PORT: '65536' }, '--port'],
  [{ CONF: '--https-port=4e3' }, '--https-port'],
  [{ STANDIN_EXIT_CODE: '-1' }, 'STANDIN_EXIT_CODE'],
  [{ STANDIN_MODE: 'dance' }, 'mode must be one of'],
  [{ STANDIN_MODE: 'exit' }, 'STANDIN_EXIT_CODE'],
  [{ STANDIN_BITRATE: '300000' }, 'bitrate must be a whole number from 400000'],
  [{ STANDIN_TRAITS: '{' }, 'STANDIN_TRAITS is not JSON'],
  [{ STANDIN_TRAITS: '{"id":"one","peers":0}' }, 'for all contents'],
] as const)('%j is refused by name', ([env, words]) => {
  expect(() => readSettings(env, [])).toThrow(words)
})
