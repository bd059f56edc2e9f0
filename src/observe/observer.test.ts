import { describe, expect, it } from 'vitest'
import { fleetOf, idOf, NOW } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError } from '../docker/errors.ts'
import type { ContainerDetail, ContainerSummary, DockerReader } from '../docker/port.ts'
import { unprobed } from '../engine/health.ts'
import type { EngineProber, ProbeTarget } from '../engine/prober.ts'
import type { EngineNote } from '../store/store.ts'
import type { MonitoredNode, VpnMonitor } from '../vpn/monitor.ts'
import { makeObserver } from './observer.ts'

const nodes = [{ name: 'a' }, { name: 'b' }]
const fleet = fleetOf({ replicas: 2 }, nodes)

function container(name: string, more: Partial<ContainerDetail> = {}): ContainerDetail {
  return {
    ...{ id: idOf(name), name, labels: {}, state: 'running', networkMode: 'bridge', image: 'i' },
    ...{ createdAt: NOW - 9_000, startedAt: NOW - 8_000, startedAtText: `${name} started` },
    ...{ finishedAt: 0, exitCode: 0, error: '', oomKilled: false, health: 'healthy' },
    addresses: { bridge: '172.17.0.9' },
    ...more,
  }
}

function engine(slot: string, more: Partial<ContainerDetail> = {}): ContainerDetail {
  const labels = {
    'acefleet.instance': 'default',
    'acefleet.fleet': 'home',
    'acefleet.slot': slot,
    'acestream.http_port': '19001',
    ...more.labels,
  }
  return container(`home.${slot}`, {
    networkMode: `container:${idOf('a')}`,
    ...more,
    labels,
  })
}

/** An observer of the given containers, and a record of what it asked. */
function bench(containers: readonly ContainerDetail[]) {
  const asked: string[] = []
  const world = { containers, failing: '' }
  const ask = (what: string) => {
    asked.push(what)
    if (what === world.failing) throw new DockerError(`${what} was not answered`)
  }
  const docker: Partial<DockerReader> = {
    async list(): Promise<readonly ContainerSummary[]> {
      ask('list')
      return world.containers
    },
    async inspect(id) {
      const found = world.containers.find((each) => each.id === id)
      if (found === undefined) throw new Error('inspects what it has not seen')
      ask(`inspect ${found.name}`)
      return found
    },
  }
  let targets: readonly ProbeTarget[] = []
  let monitored: readonly MonitoredNode[] = []
  const prober: Partial<EngineProber> = {
    setTargets: (next) => {
      targets = next
    },
    health: () => unprobed(undefined),
  }
  const vpns: Partial<VpnMonitor> = {
    setNodes: (next) => {
      monitored = next
    },
    latest: () => ({ kind: 'missing', message: 'not asked yet', at: NOW }),
  }
  const observer = makeObserver({
    instance: 'default',
    docker: docker as DockerReader,
    prober: prober as EngineProber,
    vpns: vpns as VpnMonitor,
    clock: makeVirtualClock(NOW),
  })
  return {
    ...{ asked, world, observer },
    targets: () => targets,
    monitored: () => monitored,
    observe: (of = fleet, notes: ReadonlyMap<string, EngineNote> = new Map()) =>
      observer.observe(of, notes as never, new AbortController().signal),
  }
}

const both = [container('a'), container('b')]

describe('an observation', () => {
  it('costs one list, one inspect per VPN node, and one per engine that is new to it', async () => {
    const { asked, observe } = bench([...both, engine('0'), engine('1')])
    await observe()
    expect(asked.toSorted()).toEqual([
      'inspect a',
      'inspect b',
      'inspect home.0',
      'inspect home.1',
      'list',
    ])
    asked.length = 0
    await observe()
    expect(asked.toSorted()).toEqual(['inspect a', 'inspect b', 'list'])
  })

  it('costs no inspect of an engine that is known to have answered', async () => {
    const { asked, observe } = bench([...both, engine('0')])
    await observe(fleet, new Map([[idOf('home.0'), { firstReadyAt: 1 }]]))
    expect(asked).not.toContain('inspect home.0')
  })

  it.each(['list', 'inspect a', 'inspect home.0'])(
    'is none at all when its %s fails (I9)',
    async (failing) => {
      const { observe, world } = bench([...both, engine('0')])
      world.failing = failing
      await expect(observe()).rejects.toThrow(DockerError)
    },
  )

  it('counts as ours what carries both labels, whatever its name (I8)', async () => {
    const renamed = { ...engine('0'), name: 'somebody' }
    const others = [
      engine('1', { labels: { 'acefleet.instance': 'another' } }),
      engine('2', { labels: { 'acefleet.fleet': 'other' } }),
      container('acefleet'),
    ]
    const { observe } = bench([...both, renamed, ...others])
    const { engines } = await observe()
    expect(engines.map(({ name, slot }) => [name, slot])).toEqual([['somebody', '0']])
  })

  it('takes the slot from the name where no label says it', async () => {
    const labels = { 'acefleet.instance': 'default', 'acefleet.fleet': 'home' }
    const named = container('home.forwarded', { labels })
    const odd = container('home.odd', { labels })
    const { observe } = bench([...both, named, odd])
    const { engines } = await observe()
    expect(engines.map(({ slot }) => slot)).toEqual(['forwarded', 'home.odd'])
  })

  it('tells why Docker could not start an engine', async () => {
    const created = { state: 'created' as const, startedAt: 0 }
    const { observe } = bench([
      ...both,
      engine('0', created),
      engine('1', { ...created, error: 'exec format error', exitCode: 126 }),
      engine('2', { ...created, exitCode: 128 }),
    ])
    const { engines } = await observe()
    expect(engines.map(({ startError }) => startError)).toEqual([
      undefined,
      'exec format error',
      'exit code 128',
    ])
  })

  it('tells whether the container whose network an engine joined runs (I10)', async () => {
    const stopped = container('stopped', { state: 'exited' })
    const { observe } = bench([
      ...both,
      stopped,
      engine('0'),
      engine('1', { networkMode: `container:${idOf('stopped')}` }),
      engine('2', { networkMode: `container:${idOf('removed')}` }),
      engine('3', { networkMode: 'bridge' }),
    ])
    const { engines } = await observe()
    expect(engines.map((e) => e.joinedRunning)).toEqual([true, false, false, undefined])
  })

  it('knows a VPN node that left the spec as what it is', async () => {
    const { observe } = bench([
      ...both,
      container('gone'),
      engine('0', { networkMode: `container:${idOf('gone')}` }),
    ])
    const { engines } = await observe()
    expect(engines[0]?.departed).toMatchObject({ name: 'gone', address: '172.17.0.9' })
  })

  it('shows a VPN node that is not there as such, and hands the others to the monitor', async () => {
    const { observe, monitored } = bench([container('a')])
    const { nodes } = await observe()
    expect(nodes[1]).toMatchObject({
      name: 'b',
      containerId: undefined,
      running: false,
      state: 'down',
    })
    expect(monitored().map(({ node, address }) => [node.name, address])).toEqual([
      ['a', '172.17.0.9'],
      ['b', undefined],
    ])
  })
})

describe('what is not ours', () => {
  it('is told of where it holds a name of ours, or carries the forwarded label on a node of ours (I8)', async () => {
    const label = { 'acestream.forwarded': 'true' }
    const onA = { networkMode: `container:${idOf('a')}` }
    const { observe } = bench([
      ...both,
      container('home.3'),
      container('home.forwarded', { state: 'exited' }),
      container('other', { labels: label, ...onA }),
      container('dead', { labels: label, ...onA, state: 'exited' }),
      container('elsewhere', { labels: label }),
      container('plain', onA),
    ])
    const { foreign } = await observe()
    expect(
      foreign.map(({ name, holdsSlot, forwardedOn }) => [name, holdsSlot, forwardedOn]),
    ).toEqual([
      ['home.3', '3', undefined],
      ['home.forwarded', 'forwarded', undefined],
      ['other', undefined, 'a'],
    ])
  })
})

describe('probing', () => {
  it('goes to the VPN container of each engine that has a process', async () => {
    const { observe, targets } = bench([
      ...both,
      engine('0'),
      engine('1', { state: 'paused', labels: { 'acestream.http_port': '19002' } }),
      engine('2', { state: 'exited' }),
      engine('3', { state: 'created' }),
      engine('4', { networkMode: `container:${idOf('removed')}` }),
      engine('5', { labels: { 'acestream.http_port': 'none' } }),
    ])
    await observe()
    expect(targets().map(({ url }) => url)).toEqual([
      'http://172.17.0.9:19001',
      'http://172.17.0.9:19002',
    ])
  })

  it('goes to the address that the spec gives, also to an IPv6 one', async () => {
    const given = fleetOf({ replicas: 1 }, nodes)
    const vpn = {
      ...given.vpn,
      nodes: given.vpn.nodes.map((node) => ({ ...node, address: 'fd00::2' })),
    }
    const { observe, targets } = bench([...both, engine('0')])
    await observe({ ...given, vpn })
    expect(targets().map(({ url }) => url)).toEqual(['http://[fd00::2]:19001'])
  })

  it('goes to the published address without a VPN', async () => {
    const { observe, targets } = bench([engine('0', { networkMode: 'bridge' })])
    await observe(fleetOf({ replicas: 1 }))
    expect(targets().map(({ url }) => url)).toEqual(['http://127.0.0.1:19001'])
  })

  it('goes on from what the store remembers', async () => {
    const { observe, targets } = bench([...both, engine('0')])
    await observe(fleet, new Map([[idOf('home.0'), { firstReadyAt: 77 }]]))
    expect(targets()).toMatchObject([{ firstReadyAt: 77 }])
  })
})
