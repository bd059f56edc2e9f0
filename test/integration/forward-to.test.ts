import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineDetail, EngineView, FleetDetail } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { startViewer } from '../harness/viewer.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let store: Store

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await Promise.all([rig.addNode('a'), rig.addNode('b'), rig.addNode('c', { port: 0 })])
  await rig.edit(spec())
  await rig.start()
  await rig.converged(3)
  store = await rig.openStore()
})

afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function spec(forwarding: SpecBody = {}): SpecBody {
  return tunnelled(rig, { replicas: 3, forwarding }, ['a', 'b', 'c'])
}

const detail = () => rig.get<FleetDetail>(`/v1/fleets/${rig.fleet}`)

async function forward(letter: string): Promise<{ status: number; text: string }> {
  const { status, body } = await rig.post(`/v1/vpns/${rig.nodeName(letter)}/forward`)
  const { message, detail: refusal } = body as { message?: string; detail?: string }
  return { status, text: message ?? refusal ?? '' }
}

/** The fleet's forwarded engine when it is ready on another node than before. */
function movedTo(letter: string): Promise<EngineView> {
  return rig.until(`the forwarded engine is ready on ${letter}`, async () => {
    const forwarded = (await rig.engines()).filter((engine) => engine.forwarded)
    const [engine] = forwarded
    const isThere = engine?.ready && engine.vpn === rig.nodeName(letter)
    return forwarded.length === 1 && isThere ? engine : undefined
  })
}

async function current(): Promise<string> {
  await rig.converged(3)
  const [choice] = (await detail()).forwarding
  if (choice === undefined) throw new Error('nothing is chosen')
  return choice.node === rig.nodeName('a') ? 'a' : 'b'
}

const other = (letter: string) => (letter === 'a' ? 'b' : 'a')

async function noRequest(): Promise<void> {
  await rig.until('the request is over', async () => (await detail()).requests.length === 0)
}

describe('forward --to', () => {
  test('moves an idle engine, drained, once; there it stays, and it is told why (I1)', async () => {
    const from = await current()
    const to = other(from)
    expect(await forward(to)).toMatchObject({ status: 202 })
    await movedTo(to)
    await noRequest()
    await rig.converged(3)
    const { forwarding } = await detail()
    expect(forwarding).toMatchObject([{ node: rig.nodeName(to), held: true }])
    const engine = await rig.get<EngineDetail>(`/v1/engines/${rig.fleet}.forwarded`)
    expect(engine.forwarding).toEqual(forwarding[0])
    const events = (await rig.events()).filter((event) => event.slot === 'forwarded')
    const told = events.map((event) => event.message).join('\n')
    expect(told).toContain(`forward --to ${rig.nodeName(to)} was asked for`)
    expect(told).toContain('asked for by forward --to')
    const again = await forward(to)
    expect([again.status, again.text.endsWith('already')]).toEqual([202, true])
  })

  test('drains an engine with a viewer first, and creates none meanwhile (I1, I5)', async () => {
    const from = await current()
    const to = other(from)
    const before = (await rig.engines()).find((engine) => engine.forwarded)
    const viewer = await startViewer(store, rig.fleet, before?.containerId)
    await forward(to)
    await rig.until('it drains', async () => {
      const now = (await rig.engines()).find((e) => e.containerId === before?.containerId)
      return now?.phase === 'Draining'
    })
    expect((await detail()).requests).toEqual([{ kind: 'forward', node: rig.nodeName(to) }])
    expect((await detail()).forwarding).toMatchObject([
      { node: rig.nodeName(to), rule: 'asked', held: false },
    ])
    const bearers = (await rig.engines()).filter((engine) => engine.forwarded)
    expect(bearers.map((engine) => engine.containerId)).toEqual([before?.containerId])
    await viewer.end()
    await movedTo(to)
    await noRequest()
  })

  test('is dropped, with an event that says why, when the node loses its port before', async () => {
    const from = await current()
    const to = other(from)
    await rig.edit(spec({ portGrace: '1s' }))
    const before = (await rig.engines()).find((engine) => engine.forwarded)
    const viewer = await startViewer(store, rig.fleet, before?.containerId)
    await forward(to)
    await rig.until('it drains', async () => {
      const now = (await rig.engines()).find((e) => e.containerId === before?.containerId)
      return now?.phase === 'Draining'
    })
    await rig.nodes[to]?.setPort(0)
    await noRequest()
    const dropped = (await rig.events()).find((event) => event.reason === 'ForwardDropped')
    expect(dropped?.message).toContain(`${rig.nodeName(to)} has no forwarded port`)
    const vpn = (await rig.vpns()).find((each) => each.name === rig.nodeName(to))
    expect(vpn?.portLosses).toBe(1)
    await viewer.end()
    await movedTo(from)
  })

  test('is refused where it could not be, with what to do instead', async () => {
    const from = await current()
    const withoutPort = await forward(other(from))
    expect([withoutPort.status, withoutPort.text]).toEqual([
      409,
      expect.stringContaining(`has no forwarded port (with a port: ${rig.nodeName(from)})`),
    ])
    expect((await forward('z')).status).toBe(404)
    await rig.edit(spec({ prefer: rig.nodeName(from) }))
    await rig.nodes[other(from)]?.setPort(45_100)
    await rig.until('the port is granted', async () => {
      const vpn = (await rig.vpns()).find((each) => each.name === rig.nodeName(other(from)))
      return vpn?.forwardedPort === 45_100
    })
    const preferred = await forward(other(from))
    expect([preferred.status, preferred.text]).toEqual([
      409,
      expect.stringContaining(`set "forwarding.prefer: ${rig.nodeName(other(from))}" there`),
    ])
    expect((await detail()).requests).toEqual([])
  })

  test('never led to two forwarded engines (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })

  test('is refused where every node has one of its own', async () => {
    await rig.edit(spec({ scope: 'vpn' }))
    const { status, text } = await forward('b')
    expect([status, text]).toEqual([409, expect.stringContaining('forwarding.scope: vpn in')])
  })
})
