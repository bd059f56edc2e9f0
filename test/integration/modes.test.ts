import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { engineSettings, makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { ask } from '../harness/ask.ts'
import { startViewer } from '../harness/viewer.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let store: Store
/** Judges what is created while every engine must sit behind a VPN. */
let tunnels: Witness | undefined
/** Judges what is created at any time: names, ports and the one forwarded engine. */
let witness: Witness

/** Published on the host, where other test runs may publish too. */
const FIRST_PORT = 20_000 + (process.pid % 100) * 100

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: false })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(published())
  await rig.start()
  store = await rig.openStore()
})

afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await tunnels?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function published(more: SpecBody = {}): SpecBody {
  return {
    replicas: 3,
    engine: engineSettings(rig),
    network: { ports: `${FIRST_PORT}-${FIRST_PORT + 49}` },
    vpn: { mode: 'none' },
    ...more,
  }
}

function behind(letters: readonly string[], more: SpecBody = {}): SpecBody {
  const [prefer] = letters.map((letter) => rig.nodeName(letter))
  return tunnelled(rig, { replicas: 4, forwarding: { prefer }, ...more }, letters)
}

function networkOf(engine: EngineView) {
  return rig.docker
    .getContainer(engine.containerId ?? '')
    .inspect()
    .then(({ HostConfig }) => HostConfig.NetworkMode)
}

async function networks(engines: readonly EngineView[]): Promise<readonly unknown[]> {
  return [...new Set(await Promise.all(engines.map(networkOf)))]
}

const ids = (engines: readonly EngineView[]) => engines.map((engine) => engine.containerId)

async function told(from: number): Promise<readonly string[]> {
  await witness.caughtUp()
  return witness.events.slice(from)
}

/** Has the controller look at once: an event of whoever carries the forwarded label is a wake-up. */
async function nudge(): Promise<void> {
  const container = await rig.docker.createContainer({
    name: `${rig.fleet}-nudge`,
    Image: rig.images.engine,
    Labels: { 'acestream.forwarded': 'true', 'acefleet.test': rig.instance },
  })
  await container.remove()
}

/** How many of the fleet's containers ran at the least, by the daemon's events; `running` did at `from`. */
async function leastRunning(running: number, from: number): Promise<number> {
  let now = running
  let least = running
  for (const event of await told(from)) {
    if (event.startsWith('start ')) now += 1
    if (event.startsWith('die ')) now -= 1
    least = Math.min(least, now)
  }
  return least
}

describe('VPN modes', () => {
  test('none: engines are published on the bind address, each on a port of its own (I11)', async () => {
    const engines = await rig.converged(3)
    expect(await networks(engines)).toEqual(['bridge'])
    const ports = engines.map((engine) => engine.port)
    expect(ports).toEqual([FIRST_PORT + 1, FIRST_PORT + 2, FIRST_PORT + 3])
    for (const { containerId, address, port, forwarded, vpn } of engines) {
      expect({ address, forwarded, vpn }).toEqual({
        address: '127.0.0.1',
        forwarded: false,
        vpn: null,
      })
      const { HostConfig } = await rig.docker.getContainer(containerId ?? '').inspect()
      expect(HostConfig.PortBindings).toEqual({
        [`${port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(port) }],
      })
      const url = `http://127.0.0.1:${port}/webui/api/service?method=get_version`
      expect((await ask(url)).status).toBe(200)
    }
  })

  test('none: a rolling update starts first on the one host (I2, I11)', async () => {
    const before = ids(await rig.converged(3))
    await witness.caughtUp()
    const from = witness.events.length
    const engine = engineSettings(rig, { env: { CACHE_LIMIT: '2' } })
    await rig.edit(published({ engine }))
    const after = ids(await rig.converged(3))
    expect(after.filter((id) => before.includes(id))).toEqual([])
    expect(await leastRunning(3, from)).toBe(3)
  })

  test('none to redundant: engines outside are stopped at once, busy or not (I10)', async () => {
    const outside = await rig.converged(3)
    await using _ = await startViewer(store, rig.fleet, outside[0]?.containerId)
    const { docker, instance, fleet } = rig
    tunnels = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
    await rig.edit(behind(['a', 'b']))
    const engines = await rig.converged(4)
    expect(ids(engines).filter((id) => ids(outside).includes(id))).toEqual([])
    const namespaces = [rig.nodes.a, rig.nodes.b].map((node) => `container:${node?.id}`)
    expect(await networks(engines)).toEqual(expect.arrayContaining(namespaces))
    expect(await networks(engines)).toHaveLength(2)
    const given = (await rig.events()).filter((event) => event.reason === 'EngineFailed')
    expect(given.map((event) => event.containerId)).toEqual(expect.arrayContaining(ids(outside)))
    expect(given.every((event) => event.message.includes('outside every VPN'))).toBe(true)
  })

  test('redundant to single: engines leave the node in order, busy ones when they can (I5)', async () => {
    await rig.edit(behind(['a', 'b'], { replicas: 6 }))
    const before = await rig.converged(6)
    const leaving = before.filter((engine) => engine.vpn === rig.nodeName('b'))
    expect(leaving.map((engine) => engine.forwarded)).toEqual([false, false, false])
    const [busy] = leaving
    await using viewer = await startViewer(store, rig.fleet, busy?.containerId)
    await witness.caughtUp()
    const from = witness.events.length
    await rig.edit(behind(['a'], { replicas: 6 }))
    await rig.until('only the busy one is left there', async () => {
      const engines = await rig.engines()
      const there = engines.filter((engine) => engine.vpn !== rig.nodeName('a'))
      const ready = engines.filter((engine) => engine.ready)
      return there.length === 1 && there[0]?.phase === 'Draining' && ready.length === 6
    })
    expect((await rig.engines()).find((e) => e.containerId === busy?.containerId)).toMatchObject({
      phase: 'Draining',
      streams: 1,
    })
    await viewer.end()
    const engines = await rig.converged(6)
    expect(await networks(engines)).toEqual([`container:${rig.nodes.a?.id}`])
    // Start-first: what leaves serves until its successor does.
    expect(await leastRunning(6, from)).toBe(6)
    await rig.edit(behind(['a']))
  })

  test('single to another single: engines leave one node for the other in order, busy ones when they can (I5)', async () => {
    const before = await rig.converged(4)
    const busy = before.find((engine) => !engine.forwarded)
    await using viewer = await startViewer(store, rig.fleet, busy?.containerId)
    await rig.edit(behind(['b']))
    await rig.until('only the busy one is left on the old node', async () => {
      const engines = await rig.engines()
      const [left, ...others] = engines.filter((engine) => engine.vpn !== rig.nodeName('b'))
      const isBusyLeft = left?.containerId === busy?.containerId && others.length === 0
      const onNew = engines.filter((engine) => engine !== left && engine.ready)
      return isBusyLeft && left?.phase === 'Draining' && onNew.length === 4
    })
    expect((await rig.engines()).find((e) => e.containerId === busy?.containerId)).toMatchObject({
      phase: 'Draining',
      streams: 1,
      dead: false,
    })
    await viewer.end()
    expect(await networks(await rig.converged(4))).toEqual([`container:${rig.nodes.b?.id}`])
    await rig.edit(behind(['a']))
    expect(await networks(await rig.converged(4))).toEqual([`container:${rig.nodes.a?.id}`])
  })

  test('single: a restarted VPN node has all its engines replaced (I10)', async () => {
    const before = ids(await rig.converged(4))
    await rig.nodes.a?.restart()
    await rig.until('none of the old ones is left', async () =>
      ids(await rig.engines()).every((id) => !before.includes(id)),
    )
    const engines = await rig.converged(4)
    expect(engines.filter((engine) => engine.forwarded)).toHaveLength(1)
  })

  test('single: a VPN node made anew under its name gets all engines anew (I10)', async () => {
    const before = ids(await rig.converged(4))
    await rig.nodes.a?.remove()
    await rig.until('the fleet says so', async () =>
      (await rig.fleetView()).conditions.some((c) => c.reason === 'ContainerMissing'),
    )
    const node = await rig.addNode('a')
    await rig.until('none of the old ones is left', async () =>
      ids(await rig.engines()).every((id) => !before.includes(id)),
    )
    expect(await networks(await rig.converged(4))).toEqual([`container:${node.id}`])
  })

  test('a VPN node that is renamed, in Docker and then in the spec, keeps its busy engines (I5)', async () => {
    const before = await rig.converged(4)
    const busy = before.find((engine) => !engine.forwarded)
    await using viewer = await startViewer(store, rig.fleet, busy?.containerId)
    const node = rig.nodes.a
    await rig.docker.getContainer(node?.id ?? '').rename({ name: rig.nodeName('c') })
    await nudge()
    await rig.until('the fleet misses it', async () =>
      (await rig.fleetView()).conditions.some((c) => c.reason === 'ContainerMissing'),
    )
    expect((await rig.engines()).find((e) => e.containerId === busy?.containerId)?.dead).toBe(false)
    await rig.edit(behind(['c']))
    const after = await rig.converged(4)
    expect(ids(after)).toContain(busy?.containerId)
    await viewer.end()
  })

  test('never was an engine outside a VPN that the spec named (I1, I2, I10, I11)', async () => {
    await tunnels?.caughtUp()
    expect(tunnels?.violations).toEqual([])
    await tunnels?.[Symbol.asyncDispose]()
  })

  test('single to none: engines leave the VPN in order, and none is forwarded', async () => {
    const before = await rig.converged(4)
    await witness.caughtUp()
    const from = witness.events.length
    await rig.edit(published({ replicas: 4 }))
    const engines = await rig.converged(4)
    expect(await networks(engines)).toEqual(['bridge'])
    expect(ids(engines).filter((id) => ids(before).includes(id))).toEqual([])
    expect(engines.every((engine) => !engine.forwarded)).toBe(true)
    // The forwarded engine has no successor that could come first.
    expect(await leastRunning(4, from)).toBeGreaterThanOrEqual(3)
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
