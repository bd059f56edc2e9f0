import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readSettings } from './settings.ts'
import { BadState, parseChange } from './state.ts'
import { makeTunnel } from './tunnel.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const settings = readSettings({ STANDIN_PORT: '45000', STANDIN_CONNECT_MS: '100' })

test('address and ports are there once the tunnel is up, and while it is', () => {
  const announced: string[] = []
  const tunnel = makeTunnel(settings, (ports) => announced.push(ports.join()))
  expect(tunnel.state()).toMatchObject({ status: 'starting', publicIp: '', ports: [] })
  vi.advanceTimersByTime(100)
  const up = { status: 'running', publicIp: '198.51.100.7', ports: [45_000] }
  expect(tunnel.state()).toMatchObject(up)
  expect(tunnel.switchTo('running')).toBe('already running')
  expect(tunnel.switchTo('stopped')).toBe('stopped')
  expect(tunnel.state()).toMatchObject({ status: 'stopped', publicIp: '', ports: [] })
  expect(tunnel.switchTo('running')).toBe('running')
  expect(tunnel.state()).toMatchObject({ status: 'running', publicIp: '', ports: [] })
  vi.advanceTimersByTime(100)
  expect(tunnel.state()).toMatchObject(up)
  expect(announced).toEqual(['', '45000', '', '45000'])
})

test('a port that is set while the tunnel is down counts when it is up', () => {
  const tunnel = makeTunnel(settings, () => undefined)
  expect(tunnel.change({ port: 45_001 })).toMatchObject({ ports: [] })
  vi.advanceTimersByTime(100)
  expect(tunnel.state()).toMatchObject({ ports: [45_001] })
})

test('a status that is set holds: no connection under way overtakes it', () => {
  const tunnel = makeTunnel(settings, () => undefined)
  tunnel.change({ status: 'crashed' })
  vi.advanceTimersByTime(1000)
  expect(tunnel.state()).toMatchObject({ status: 'crashed', publicIp: '', ports: [] })
})

const badChanges: readonly unknown[] = [
  null,
  [],
  'running',
  { status: 'dancing' },
  { port: -1 },
  { port: '45000' },
  { ports: [0] },
  { ports: 45_000 },
  { port: 1, ports: [1] },
  { healthy: 'yes' },
  { publicIp: 'here' },
  { toString: 1 },
]

test.for(badChanges)('the change %j is refused', (change) => {
  expect(() => parseChange(change)).toThrow(BadState)
})

test.for([
  { STANDIN_PORT: 'x' },
  { STANDIN_PUBLIC_IP: 'here' },
  { STANDIN_CONNECT_MS: '-1' },
  { HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: '{"auth":"basic"}' },
])('%j is refused', (env) => {
  expect(() => readSettings(env)).toThrow()
})

test('the key of the default role, by which a real Gluetun is set up, guards it too', () => {
  const role = '{"auth":"apikey","apikey":"k3y"}'
  expect(readSettings({ HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: role }).apiKey).toBe('k3y')
  expect(readSettings({ HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: '{"auth":"none"}' }).apiKey).toBe(
    undefined,
  )
})
