import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { releases } from './release.ts'
import { readSettings } from './settings.ts'
import { BadState, parseChange, type StateChange } from './state.ts'
import { makeTunnel, type Tunnel } from './tunnel.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const settings = readSettings({ STANDIN_PORT: '45000', STANDIN_CONNECT_MS: '100' })

/** A tunnel, and the ports that it announced. */
function make(change: StateChange = {}): Tunnel & { readonly announced: readonly string[] } {
  const announced: string[] = []
  const tunnel = makeTunnel({ ...settings, change }, (ports) => announced.push(ports.join()))
  return Object.assign(tunnel, { announced })
}

/** One that is up. */
function makeUp(change: StateChange = {}) {
  const tunnel = make(change)
  vi.advanceTimersByTime(100)
  return tunnel
}

const up = { status: 'running', publicIp: '198.51.100.7', ports: [45_000], carries: true }
const down = { publicIp: '', ports: [], carries: false }

test('address and ports are there once the tunnel is up, and while it is', async () => {
  const tunnel = make()
  expect(tunnel.state()).toMatchObject({ status: 'starting', ...down })
  vi.advanceTimersByTime(100)
  expect(tunnel.state()).toMatchObject(up)
  expect(await tunnel.switchTo('running')).toBe('already running')
  const stopped = tunnel.switchTo('stopped')
  await vi.advanceTimersByTimeAsync(0)
  expect(await stopped).toBe('stopped')
  expect(tunnel.state()).toMatchObject({ status: 'stopped', healthy: true, ...down })
  expect(await tunnel.switchTo('stopped')).toBe('already stopped')
  const running = tunnel.switchTo('running')
  await vi.advanceTimersByTimeAsync(0)
  expect(await running).toBe('running')
  expect(tunnel.state()).toMatchObject({ status: 'running', ...down })
  vi.advanceTimersByTime(100)
  expect(tunnel.state()).toMatchObject(up)
  expect(tunnel.announced).toEqual(['', '45000', '', '45000'])
})

test('a PUT blocks until it is applied, and the next one until after it', async () => {
  const tunnel = makeUp({ stopMs: 120_000, startMs: 1000 })
  const outcomes: string[] = []
  for (const status of ['stopped', 'running'] as const)
    void tunnel.switchTo(status).then((outcome) => outcomes.push(outcome))
  await vi.advanceTimersByTimeAsync(119_000)
  expect(tunnel.state()).toMatchObject({ status: 'stopping', ...down })
  expect(outcomes).toEqual([])
  await vi.advanceTimersByTimeAsync(1500)
  expect(tunnel.state()).toMatchObject({ status: 'starting' })
  expect(outcomes).toEqual(['stopped'])
  await vi.advanceTimersByTimeAsync(1000)
  expect(outcomes).toEqual(['stopped', 'running'])
  expect(tunnel.state()).toMatchObject(up)
})

test('a PUT that blocks is answered when the status is set meanwhile', async () => {
  const tunnel = makeUp({ stopMs: 120_000 })
  const outcome = tunnel.switchTo('stopped')
  await vi.advanceTimersByTimeAsync(10)
  tunnel.change({ status: 'crashed' })
  expect(await outcome).toBe('crashed')
  expect(await tunnel.switchTo('running')).toBe('already crashed')
})

test('a start that crashes says so', async () => {
  const tunnel = makeUp({ crashesOnStart: true })
  tunnel.change({ status: 'stopped' })
  const outcome = tunnel.switchTo('running')
  await vi.advanceTimersByTimeAsync(1000)
  expect(await outcome).toBe('crashed')
  expect(tunnel.state()).toMatchObject({ status: 'crashed', ...down })
})

test('a new connection brings what it was told to bring', async () => {
  const tunnel = makeUp()
  tunnel.change({ nextPorts: [45_007], nextPublicIp: '203.0.113.9' })
  expect(tunnel.state()).toMatchObject(up)
  tunnel.reconnect()
  expect(tunnel.state()).toMatchObject({ status: 'stopping', healthy: true, ...down })
  vi.advanceTimersByTime(300)
  const now = { ...up, ports: [45_007], publicIp: '203.0.113.9', nextPorts: null }
  expect(tunnel.state()).toMatchObject(now)
})

test('a port that is set while the tunnel is down counts when it is up', () => {
  const tunnel = make()
  expect(tunnel.change({ port: 45_001 })).toMatchObject({ ports: [] })
  vi.advanceTimersByTime(100)
  expect(tunnel.state()).toMatchObject({ ports: [45_001] })
})

test('a status that is set holds: no connection under way overtakes it', () => {
  const tunnel = make()
  tunnel.change({ status: 'crashed' })
  vi.advanceTimersByTime(1000)
  expect(tunnel.state()).toMatchObject({ status: 'crashed', ...down })
})

test('a frozen tunnel looks well for a while, then restarts in vain until the server is back', () => {
  const tunnel = makeUp()
  tunnel.change({ frozen: { healthyForMs: 103_000, loopMs: 6000 } })
  vi.advanceTimersByTime(102_999)
  expect(tunnel.state()).toMatchObject({ ...up, carries: false, healthy: true })
  const seen = new Set<string>()
  for (let ms = 0; ms < 60_000; ms += 50) {
    vi.advanceTimersByTime(50)
    const { status } = tunnel.state()
    seen.add(status)
    expect(tunnel.state()).toMatchObject({ ...down, healthy: false })
  }
  expect([...seen].sort()).toEqual(['running', 'starting', 'stopping'])
  tunnel.change({ frozen: null })
  vi.advanceTimersByTime(500)
  expect(tunnel.state()).toMatchObject({ ...up, healthy: true })
  vi.advanceTimersByTime(60_000)
  expect(tunnel.state()).toMatchObject(up)
})

test('a freeze that passes before Gluetun notices leaves no trace', () => {
  const tunnel = makeUp()
  tunnel.change({ frozen: { healthyForMs: 103_000, loopMs: 6000 } })
  vi.advanceTimersByTime(60_000)
  tunnel.change({ frozen: null })
  expect(tunnel.state()).toMatchObject({ ...up, healthy: true })
  vi.advanceTimersByTime(600_000)
  expect(tunnel.state()).toMatchObject(up)
})

test('a VPN that is stopped while frozen stays stopped, and restarts in vain once started', async () => {
  const tunnel = makeUp({ frozen: { healthyForMs: 1000, loopMs: 6000 } })
  const outcome = tunnel.switchTo('stopped')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await outcome).toBe('stopped')
  expect(tunnel.state()).toMatchObject({ status: 'stopped', ...down })
  const started = tunnel.switchTo('running')
  await vi.advanceTimersByTimeAsync(10)
  expect(await started).toBe('running')
  await vi.advanceTimersByTimeAsync(6200)
  expect(tunnel.state()).toMatchObject({ healthy: false, ...down })
})

test.for(releases)('%s: a first request that fails is never repeated', async (release) => {
  const tunnel = makeUp({ release, portServer: 'refuses' })
  tunnel.change({ portServer: 'answers' })
  vi.advanceTimersByTime(7 * 86_400_000)
  const stuck = {
    status: 'running',
    healthy: true,
    publicIp: up.publicIp,
    ports: [],
    carries: true,
  }
  expect(tunnel.state()).toMatchObject(stuck)
  for (const status of ['stopped', 'running'] as const) {
    const outcome = tunnel.switchTo(status)
    await vi.advanceTimersByTimeAsync(100)
    expect(await outcome).toBe(status)
  }
  expect(tunnel.state()).toMatchObject(up)
})

test.for([
  ['v3.40', []],
  ['v3.41.1', []],
  ['v3.41.3', [45_000]],
  ['master', [45_000]],
] as const)('%s: after a re-request that fails the ports become %j', ([release, ports]) => {
  const tunnel = makeUp({ release })
  expect(tunnel.change({ portServer: 'refuses' })).toMatchObject({ ...up, ports: [] })
  vi.advanceTimersByTime(60_000)
  tunnel.change({ portServer: 'answers' })
  vi.advanceTimersByTime(5000)
  expect(tunnel.state()).toMatchObject({ ...up, ports })
})

test('a port comes late when told, and not over a tunnel that went meanwhile', () => {
  const tunnel = makeUp({ portMs: 8000 })
  expect(tunnel.state()).toMatchObject({ ...up, ports: [] })
  vi.advanceTimersByTime(7999)
  expect(tunnel.state()).toMatchObject({ ports: [] })
  vi.advanceTimersByTime(1)
  expect(tunnel.state()).toMatchObject(up)
  tunnel.reconnect()
  vi.advanceTimersByTime(1000)
  tunnel.change({ status: 'stopped' })
  vi.advanceTimersByTime(60_000)
  expect(tunnel.state()).toMatchObject(down)
})

test('a port flaps: none for a while, then the same again', () => {
  const tunnel = makeUp({ portChange: { kind: 'flap', everyMs: 27_000, awayMs: 4000 } })
  vi.advanceTimersByTime(27_000)
  expect(tunnel.state()).toMatchObject({ ...up, ports: [] })
  vi.advanceTimersByTime(4000)
  expect(tunnel.state()).toMatchObject(up)
  tunnel.change({ portChange: null })
  vi.advanceTimersByTime(600_000)
  expect(tunnel.announced).toEqual(['', '45000', '', '45000'])
})

test('a port moves: each time another, without a gap', () => {
  const tunnel = makeUp({ portChange: { kind: 'move', everyMs: 60_000 } })
  vi.advanceTimersByTime(120_000)
  expect(tunnel.announced).toEqual(['', '45000', '45001', '45002'])
})

const freeze = { healthyForMs: 1, loopMs: 1 }
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
  { control: 'maybe' },
  { release: 'v3.41.2' },
  { carries: false },
  { frozen: true },
  { frozen: { healthyForMs: 1 } },
  { frozen: { ...freeze, loopMs: 0 } },
  { frozen: { ...freeze, more: 1 } },
  { portChange: { kind: 'flap', everyMs: 10 } },
  { portChange: { kind: 'flap', everyMs: 10, awayMs: 10 } },
  { portChange: { kind: 'move', everyMs: 0.5 } },
  { portChange: { kind: 'vanish', everyMs: 10 } },
  { portChange: 'flap' },
  { nextPorts: 45_000 },
  { stopMs: -1 },
  { startMs: 1e12 },
]

test.for(badChanges)('the change %j is refused', (change) => {
  expect(() => parseChange(change)).toThrow(BadState)
})

test.for([
  { STANDIN_PORT: 'x' },
  { STANDIN_PUBLIC_IP: 'here' },
  { STANDIN_CONNECT_MS: '-1' },
  { STANDIN_RELEASE: 'v4' },
  { STANDIN_STATE: '{"frozen":1}' },
  { STANDIN_STATE: '{' },
  { HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: '{"auth":"basic"}' },
  { HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: '{"auth":"apikey","key":"k3y"}' },
])('the environment %j is refused, and the variable named', (env) => {
  expect(() => readSettings(env)).toThrow(Object.keys(env)[0])
})
