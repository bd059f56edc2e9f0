import { afterEach, describe, expect, test } from 'vitest'
import type { ControlFailure, ControlReading, Generation } from '../../src/observe/observation.ts'
import { type MonitoredNode, startVpnMonitor } from '../../src/vpn/monitor.ts'
import { makeVirtualClock } from '../sim/virtual-clock.ts'

const closing: AsyncDisposable[] = []
afterEach(async () => {
  for (const resource of closing.splice(0)) await resource[Symbol.asyncDispose]()
})

const WELL = {
  kind: 'reading',
  status: 'running',
  publicIp: '198.51.100.7',
  publicIpEnabled: true,
  ports: [45_000],
} as const satisfies Omit<ControlReading, 'at'>
const SILENT = { kind: 'unreachable', message: 'silence' } as const
const REFUSED = { kind: 'refused', message: 'add a role' } as const

type Say = Omit<ControlReading, 'at'> | Omit<ControlFailure, 'at'> | 'hang' | 'throw'

function node(name: string, more: Partial<MonitoredNode> = {}): MonitoredNode {
  return {
    node: { name, control: {} },
    address: '172.18.0.2',
    startedAt: 0,
    generation: 'g1' as Generation,
    wantsPort: true,
    ...more,
  }
}

/** Control servers that say what they are told; `hang` takes the client's whole 2 s. */
function world() {
  const clock = makeVirtualClock()
  const says = new Map<string, Say>()
  const polls: { name: string; address: string | undefined; at: number }[] = []
  const changes: string[] = []
  let underWay = 0
  let mostUnderWay = 0
  const monitor = startVpnMonitor({
    clock,
    random: () => 0.5,
    onChange: (name) => changes.push(name),
    readControl: async (target, signal) => {
      const { name } = target.node
      const at = clock.now()
      polls.push({ name, address: target.address, at: clock.monotonic() })
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      try {
        const say = says.get(name) ?? WELL
        if (say === 'throw') throw new Error('a bug')
        if (say !== 'hang') return { ...say, at }
        await clock.sleep(2_000, signal).catch(() => undefined)
        return { ...SILENT, at }
      } finally {
        underWay -= 1
      }
    },
  })
  closing.push(monitor)
  const kind = (name: string) => monitor.latest(name, undefined).kind
  return { clock, says, polls, changes, monitor, kind, mostUnderWay: () => mostUnderWay }
}

describe('the VPN monitor', () => {
  test('polls a new node at once, and says what it knows of one that it does not watch', async () => {
    const { clock, monitor, changes } = world()
    expect(monitor.latest('a', undefined)).toMatchObject({ kind: 'unreachable' })
    monitor.setNodes([node('a')])
    expect(monitor.latest('a', undefined)).toMatchObject({ kind: 'unreachable' })
    await clock.settle()
    expect(monitor.latest('a', undefined)).toMatchObject(WELL)
    expect(changes).toEqual(['a'])
  })

  test('polls every 2 s when all is well, and wakes nobody', async () => {
    const { clock, monitor, polls, changes } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    polls.length = 0
    await clock.advance(60_000)
    expect(polls.length).toBe(30)
    expect(changes).toEqual(['a'])
  })

  test.each<[string, Say, boolean, number]>([
    ['is not running', { ...WELL, status: 'starting' }, true, 20],
    ['has no address', { ...WELL, publicIp: '' }, false, 20],
    ['has no port where one is wanted', { ...WELL, ports: [] }, true, 20],
    ['has no port where none is wanted', { ...WELL, ports: [] }, false, 5],
    [
      'tells no address by its settings',
      { ...WELL, publicIp: '', publicIpEnabled: false },
      true,
      5,
    ],
    ['is out of reach', SILENT, true, 20],
  ])('polls at the pace that suits a node which %s', async (_, say, wantsPort, count) => {
    const { clock, says, monitor, polls } = world()
    says.set('a', say)
    monitor.setNodes([node('a', { wantsPort })])
    await clock.advance(1)
    polls.length = 0
    await clock.advance(10_000)
    expect(polls.length).toBe(count)
  })

  test('polls quickly only for a minute of trouble, and again after each change', async () => {
    const { clock, says, monitor, polls } = world()
    says.set('a', { ...WELL, ports: [] })
    monitor.setNodes([node('a')])
    await clock.advance(70_000)
    polls.length = 0
    await clock.advance(10_000)
    expect(polls.length).toBe(5)
    says.set('a', { ...WELL, publicIp: '', ports: [] })
    await clock.advance(2_000)
    polls.length = 0
    await clock.advance(10_000)
    expect(polls.length).toBe(20)
  })

  test('wakes on what matters, once each', async () => {
    const { clock, says, monitor, changes } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    const steps: Say[] = [
      { ...WELL, ports: [45_001] },
      { ...WELL, ports: [] },
      { ...WELL, publicIp: '' },
      { ...WELL, status: 'stopped' },
      REFUSED,
      WELL,
    ]
    for (const say of steps) {
      changes.length = 0
      says.set('a', say)
      await clock.advance(10_000)
      expect(changes).toEqual(['a'])
    }
  })

  test('I9: keeps the last reading through a short silence, and gives it up after 6 s', async () => {
    const { clock, says, monitor, kind, changes } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    says.set('a', SILENT)
    changes.length = 0
    await clock.advance(5_000)
    expect(kind('a')).toBe('reading')
    expect(changes).toEqual([])
    await clock.advance(3_000)
    expect(kind('a')).toBe('unreachable')
    expect(changes).toEqual(['a'])
  })

  test('gives a reading up at a refusal, for that stands until somebody mends it', async () => {
    const { clock, says, monitor, kind } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    says.set('a', REFUSED)
    await clock.advance(2_500)
    expect(kind('a')).toBe('refused')
  })

  test('is not woken by silences that are worded differently', async () => {
    const { clock, says, monitor, changes } = world()
    says.set('a', SILENT)
    monitor.setNodes([node('a')])
    await clock.advance(1)
    changes.length = 0
    for (let i = 0; i < 10; i += 1) {
      says.set('a', { kind: 'unreachable', message: `socket hang up ${i}` })
      await clock.advance(600)
    }
    expect(changes).toEqual([])
  })

  test('asks a server that hangs one thing at a time', async () => {
    const { clock, says, monitor, polls, mostUnderWay } = world()
    says.set('a', 'hang')
    monitor.setNodes([node('a')])
    await clock.advance(30_000)
    expect(mostUnderWay()).toBe(1)
    expect(polls.length).toBeGreaterThan(10)
  })

  test('goes on after a reader that throws', async () => {
    const { clock, says, monitor, kind } = world()
    says.set('a', 'throw')
    monitor.setNodes([node('a')])
    await clock.advance(1_000)
    expect(kind('a')).toBe('unreachable')
    says.set('a', WELL)
    await clock.advance(1_000)
    expect(kind('a')).toBe('reading')
  })

  test('drops readings of another generation, that of a poll under way included', async () => {
    const { clock, says, monitor, kind, polls } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    says.set('a', 'hang')
    await clock.advance(2_500)
    polls.length = 0
    monitor.setNodes([node('a', { generation: 'g2' as Generation, address: '172.18.0.9' })])
    expect(kind('a')).toBe('unreachable')
    await clock.settle()
    expect(polls).toMatchObject([{ address: '172.18.0.9' }])
    says.set('a', WELL)
    await clock.advance(3_000)
    expect(kind('a')).toBe('reading')
  })

  test('I10: shows no reading of another generation to one who has seen a newer container', async () => {
    const { clock, monitor } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    expect(monitor.latest('a', 'g1' as Generation).kind).toBe('reading')
    expect(monitor.latest('a', 'g2' as Generation).kind).toBe('unreachable')
    monitor.setNodes([node('a', { generation: 'g2' as Generation })])
    await clock.settle()
    expect(monitor.latest('a', 'g2' as Generation).kind).toBe('reading')
  })

  test('I9: keeps a reading while the container can not be inspected', async () => {
    const { clock, monitor, kind } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    monitor.setNodes([node('a', { generation: undefined, address: undefined })])
    expect(kind('a')).toBe('reading')
  })

  test('asks anew at once when the spec changes the URL or the key', async () => {
    const { clock, monitor, polls } = world()
    monitor.setNodes([node('a')])
    await clock.advance(1)
    polls.length = 0
    monitor.setNodes([node('a', { node: { name: 'a', control: { url: 'http://x:1' } } })])
    await clock.settle()
    expect(polls).toHaveLength(1)
    monitor.setNodes([node('a', { node: { name: 'a', control: { url: 'http://x:1' } } })])
    await clock.settle()
    expect(polls).toHaveLength(1)
  })

  test('stops cleanly, in the middle of a poll too', async () => {
    const { clock, says, monitor, polls, changes } = world()
    says.set('a', 'hang')
    monitor.setNodes([node('a'), node('b')])
    await clock.settle()
    monitor.setNodes([node('a')])
    await monitor[Symbol.asyncDispose]()
    const before = polls.length
    const woken = changes.length
    await clock.advance(60_000)
    expect(polls.length).toBe(before)
    expect(changes.length).toBe(woken)
    expect(clock.pending).toBe(0)
  })
})
