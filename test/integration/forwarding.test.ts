import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { untilListening } from '../harness/listening.ts'
import { findEngine, startEngine } from '../harness/standins.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness

beforeAll(async () => {
  rig = await makeRig()
  witness = await watch('fleet')
  await rig.addNode('a', { port: 0 })
  await rig.addNode('b', { port: 0 })
  await rig.edit(spec({}))
  await rig.start()
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function watch(scope: 'fleet' | 'vpn'): Promise<Witness> {
  const { docker, instance, fleet } = rig
  return startWitness(docker, { instance, fleet, scope, isTunnelled: true })
}

function spec(forwarding: SpecBody, replicas = 3): SpecBody {
  return tunnelled(rig, { replicas, forwarding: { portGrace: '30s', ...forwarding } })
}

async function condition(type: string): Promise<string | undefined> {
  return (await rig.fleetView()).conditions.find((c) => c.type === type)?.message
}

/** The fleet's one forwarded engine, ready, on a node and a P2P port. */
function forwardedOn(letter: string, p2pPort: number) {
  return rig.until(`the forwarded engine is ready on ${letter}, port ${p2pPort}`, async () => {
    const forwarded = (await rig.engines()).filter((engine) => engine.forwarded)
    const [engine] = forwarded
    const isThere = engine?.vpn === rig.nodeName(letter) && engine.p2pPort === p2pPort
    return forwarded.length === 1 && engine?.ready && isThere ? engine : undefined
  })
}

/** Names of the daemon's running containers of the fleet that carry the label, whatever the controller says. */
async function bearers(): Promise<readonly string[]> {
  const label = [`acefleet.fleet=${rig.fleet}`, 'acestream.forwarded=true']
  const found = await rig.docker.listContainers({ filters: { label } })
  return found.map(({ Names }) => (Names[0] ?? '').slice(1)).sort()
}

/** A container in the namespace of a node, made past the controller. Its ports collide with no engine's. */
async function intrude(name: string, letter: string, labels: Readonly<Record<string, string>>) {
  return await startEngine(rig.docker, {
    image: rig.images.engine,
    name,
    network: `container:${rig.nodes[letter]?.id}`,
    labels,
    env: { HTTP_PORT: '30001', P2P_PORT: '30002', BIND_ALL: 'true' },
    args: ['--api-port=30003'],
  })
}

async function labelsOf(id: string | null | undefined): Promise<Record<string, string>> {
  return (await rig.docker.getContainer(id ?? '').inspect()).Config.Labels
}

async function isGone(id: string): Promise<boolean> {
  const all = await rig.docker.listContainers({ all: true })
  return all.every((container) => container.Id !== id)
}

describe('the forwarded engine', () => {
  test('is not there without a granted port: ordinary engines fill in, and a condition says why (I1)', async () => {
    const engines = await rig.converged(3)
    expect(engines.map((engine) => engine.forwarded)).toEqual([false, false, false])
    const message = await condition('NoForwardedPort')
    expect(message).toContain(`${rig.nodeName('a')} has no forwarded port`)
    expect(message).toContain(`${rig.nodeName('b')} has no forwarded port`)
    expect(await bearers()).toEqual([])
  })

  test('comes when a port is granted, listens on it, and an ordinary engine goes (L2)', async () => {
    await rig.nodes.b?.setPort(45_001)
    const { containerId } = await forwardedOn('b', 45_001)
    const { ports } = await (await findEngine(rig.docker, containerId ?? '')).state()
    expect(ports.p2p).toBe(45_001)
    const engines = await rig.converged(3)
    expect(engines.filter((engine) => engine.forwarded)).toHaveLength(1)
    expect(await condition('NoForwardedPort')).toBeUndefined()
  })

  test('is replaced on the new port when the port changes (I1, L2)', async () => {
    const before = await forwardedOn('b', 45_001)
    await rig.nodes.b?.setPort(45_002)
    const after = await forwardedOn('b', 45_002)
    expect(after.containerId).not.toBe(before.containerId)
    await rig.converged(3)
  })

  test('listens on a new port within ten seconds of its grant, while nobody watches (L2)', async () => {
    const address = (await rig.nodes.b?.address()) ?? ''
    const times: number[] = []
    for (const port of [45_003, 45_004, 45_002]) {
      await rig.nodes.b?.setPort(port)
      times.push(await untilListening(address, port))
      await forwardedOn('b', port)
    }
    console.log(`a new port is listened on after ${times.map(Math.round).join(', ')} ms`)
    // The machine may stand still for a while; not three times in a row.
    expect(Math.min(...times)).toBeLessThan(10_000)
    await rig.converged(3)
  })

  test('outlives a port that is lost for less than portGrace', async () => {
    const before = await forwardedOn('b', 45_002)
    await rig.nodes.b?.setPort(0)
    // Three polls: by then the loss has been seen.
    await sleep(6_000)
    await rig.nodes.b?.setPort(45_002)
    await sleep(3_000)
    const after = await forwardedOn('b', 45_002)
    expect(after.containerId).toBe(before.containerId)
  })

  test('goes when the port stays away for longer than portGrace, and an ordinary engine fills in', async () => {
    await rig.edit(spec({ portGrace: '1s' }))
    await rig.nodes.b?.setPort(0)
    await rig.until('nobody carries the label', async () => (await bearers()).length === 0)
    const engines = await rig.converged(3)
    expect(engines.every((engine) => !engine.forwarded)).toBe(true)
    expect(await condition('NoForwardedPort')).toContain('no forwarded port')
  })

  test('moves to the preferred node by an edit: drain, remove, create (I1)', async () => {
    await rig.nodes.a?.setPort(45_011)
    await forwardedOn('a', 45_011)
    await rig.nodes.b?.setPort(45_012)
    await rig.converged(3)
    await witness.caughtUp()
    const from = witness.events.length
    await rig.edit(spec({ prefer: rig.nodeName('b') }))
    const { containerId } = await forwardedOn('b', 45_012)
    await rig.converged(3)
    await witness.caughtUp()
    const name = `${rig.fleet}.forwarded`
    const told = witness.events.slice(from).filter((event) => event.endsWith(` ${name}`))
    expect(told).toEqual(['die', 'destroy', 'create', 'start'].map((action) => `${action} ${name}`))
    const events = (await rig.events()).filter((event) => event.slot === 'forwarded')
    const draining = events.findLast((event) => event.reason === 'EngineDraining')
    expect(draining?.message).toContain(`${rig.nodeName('b')} is preferred`)
    const elected = events.find((e) => e.containerId === containerId && e.reason !== 'EngineReady')
    expect(elected?.reason).toBe('ForwardedElected')
  })

  test('is elected on the other node at once when its VPN goes, and again where it is preferred (I1, L2)', async () => {
    await rig.nodes.b?.kill()
    await forwardedOn('a', 45_011)
    // The start gives the port of the container's own start: none.
    await rig.nodes.b?.start()
    await rig.nodes.b?.setPort(45_013)
    await forwardedOn('b', 45_013)
    await rig.converged(3)
  })

  test('is one of ten, created at once (I1)', async () => {
    await rig.edit(spec({ prefer: rig.nodeName('b') }, 10))
    await rig.converged(10)
    expect(await bearers()).toEqual([`${rig.fleet}.forwarded`])
    await rig.edit(spec({ prefer: rig.nodeName('b') }))
    await rig.converged(3)
  })

  test('was never there twice, and no engine outside its VPN (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
    await witness[Symbol.asyncDispose]()
  })
})

describe('containers that carry the forwarded label wrongly', () => {
  test('are resolved to one when they are ours, whatever their names; the rightful one stays (I1)', async () => {
    const rightful = await forwardedOn('b', 45_013)
    const labels = await labelsOf(rightful.containerId)
    const older = { ...labels, 'acefleet.slot': '7', 'acestream.http_port': '30001' }
    const tampered = {
      'acefleet.instance': rig.instance,
      'acefleet.fleet': rig.fleet,
      'acestream.forwarded': 'true',
    }
    const ids = [
      await intrude(`${rig.fleet}.7`, 'b', older),
      await intrude(`${rig.fleet}-mine`, 'a', tampered),
    ]
    for (const id of ids) await rig.until(`${id} is removed`, () => isGone(id))
    expect(await bearers()).toEqual([`${rig.fleet}.forwarded`])
    const after = await forwardedOn('b', 45_013)
    expect(after.containerId).toBe(rightful.containerId)
    await rig.converged(3)
  })

  test('bar an election while they are ours and run, and go (I1)', async () => {
    await rig.edit(spec({ portGrace: '1s', prefer: rig.nodeName('b') }))
    await rig.nodes.a?.setPort(0)
    await rig.nodes.b?.setPort(0)
    await rig.until('nobody carries the label', async () => (await bearers()).length === 0)
    await rig.converged(3)
    witness = await watch('fleet')
    const other = (await rig.engines()).find((engine) => engine.vpn === rig.nodeName('a'))
    const id = await intrude(`${rig.fleet}-old`, 'a', {
      ...(await labelsOf(other?.containerId)),
      ...{ 'acefleet.slot': '7', 'acestream.http_port': '30001', 'acestream.forwarded': 'true' },
    })
    await rig.nodes.a?.setPort(45_021)
    await rig.nodes.b?.setPort(45_022)
    await forwardedOn('b', 45_022)
    expect(await isGone(id)).toBe(true)
    await rig.converged(3)
  })

  test('are told of and never touched when they are foreign; their node is not elected meanwhile (I8)', async () => {
    const name = `${rig.fleet}-stranger`
    const labels = { 'acestream.forwarded': 'true', 'acefleet.test': rig.instance }
    const id = await intrude(name, 'a', labels)
    const { State: before } = await rig.docker.getContainer(id).inspect()
    await rig.until('a condition tells of it', async () => {
      const message = await condition('ForwardedConflict')
      return message?.includes(`docker rm -f ${name}`) && message.includes(rig.nodeName('a'))
    })
    await rig.edit(spec({ portGrace: '1s', prefer: rig.nodeName('a') }))
    await rig.nodes.b?.setPort(0)
    await rig.until('nobody carries the label', async () => (await bearers()).length === 0)
    await rig.converged(3)
    expect(await condition('NoForwardedPort')).toContain('foreign')
    const { State: after } = await rig.docker.getContainer(id).inspect()
    expect(after).toEqual(before)

    await rig.docker.getContainer(id).remove({ force: true })
    await forwardedOn('a', 45_021)
    await rig.converged(3)
    expect(await condition('ForwardedConflict')).toBeUndefined()
  })

  test('never led to two (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
    await witness[Symbol.asyncDispose]()
  })
})

describe('forwarding scope', () => {
  test('vpn: one forwarded engine per node, under the node’s name and on its port (I1)', async () => {
    witness = await watch('vpn')
    await rig.nodes.b?.setPort(45_032)
    await rig.edit(spec({ scope: 'vpn' }, 4))
    const engines = await rig.converged(4)
    const forwarded = engines.filter((engine) => engine.forwarded)
    const [a, b] = [rig.nodeName('a'), rig.nodeName('b')]
    expect(forwarded.map(({ name, vpn, p2pPort }) => [name, vpn, p2pPort])).toEqual([
      [`${rig.fleet}.${a}.forwarded`, a, 45_021],
      [`${rig.fleet}.${b}.forwarded`, b, 45_032],
    ])
    expect(await bearers()).toEqual(forwarded.map((engine) => engine.name))
  })

  test('vpn: a node without a port has none, and says so; the other keeps its own', async () => {
    const kept = (await rig.engines()).find((e) => e.forwarded && e.vpn === rig.nodeName('a'))
    await rig.edit(spec({ scope: 'vpn', portGrace: '1s' }, 4))
    await rig.nodes.b?.setPort(0)
    await rig.until('one label is left', async () => (await bearers()).length === 1)
    const engines = await rig.converged(4)
    const forwarded = engines.filter((engine) => engine.forwarded)
    expect(forwarded.map((engine) => engine.containerId)).toEqual([kept?.containerId])
    expect(await condition('NoForwardedPort')).toContain(`${rig.nodeName('b')}.forwarded`)
  })

  test('none: nobody carries the label, and no port is missed', async () => {
    await rig.edit(spec({ scope: 'none' }, 4))
    const engines = await rig.converged(4)
    expect(engines.every((engine) => !engine.forwarded)).toBe(true)
    expect(await bearers()).toEqual([])
    expect(await condition('NoForwardedPort')).toBeUndefined()
  })

  test('fleet again: one label, under the fleet’s own name (I1)', async () => {
    await rig.edit(spec({ scope: 'fleet' }, 4))
    await forwardedOn('a', 45_021)
    await rig.converged(4)
    expect(await bearers()).toEqual([`${rig.fleet}.forwarded`])
  })

  test('never gave one node two forwarded engines on the way (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
