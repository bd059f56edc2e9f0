import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineDetail, EngineView, MarkView } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { engineSettings, makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { startEngine } from '../harness/standins.ts'
import { startViewer } from '../harness/viewer.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let store: Store

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(spec(4))
  await rig.start()
  await rig.converged(4)
  store = await rig.openStore()
})

afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function spec(replicas: number, more: SpecBody = {}): SpecBody {
  return tunnelled(rig, { replicas, forwarding: { prefer: rig.nodeName('a') }, ...more })
}

/** The spec with its second node cordoned. */
function cordoned(replicas: number): SpecBody {
  const { vpn } = spec(replicas) as { vpn: { nodes: readonly SpecBody[] } }
  const [a, b] = vpn.nodes
  return spec(replicas, { vpn: { ...vpn, nodes: [a, { ...b, cordon: true }] } })
}

const watching = (engine: EngineView | undefined) =>
  startViewer(store, rig.fleet, engine?.containerId)

async function ordinaryOn(letter: string): Promise<readonly EngineView[]> {
  const engines = await rig.engines()
  return engines.filter((engine) => engine.vpn === rig.nodeName(letter) && !engine.forwarded)
}

async function now(id: string | null | undefined): Promise<EngineView | undefined> {
  return (await rig.engines()).find((engine) => engine.containerId === id)
}

async function draining(id: string | null | undefined): Promise<MarkView> {
  return await rig.until(`${id} drains`, async () => {
    const engine = await now(id)
    if (engine?.phase !== 'Draining') throw new Error(`it is ${engine?.phase}: ${engine?.note}`)
    const { mark } = await rig.get<EngineDetail>(`/v1/engines/${engine.name}`)
    return mark ?? undefined
  })
}

async function gone(id: string | null | undefined): Promise<void> {
  await rig.until(`${id} is removed`, async () => (await now(id)) === undefined)
}

async function load(letter: string): Promise<number> {
  return (await rig.engines()).filter((engine) => engine.vpn === rig.nodeName(letter)).length
}

async function balanced(replicas: number): Promise<void> {
  await rig.until('both nodes carry the same', async () => {
    await rig.converged(replicas)
    return (await load('a')) === replicas / 2
  })
}

/** When the daemon itself saw a container die, Unix ms. */
async function diedAt(id: string | null | undefined): Promise<number | undefined> {
  await witness.caughtUp()
  return witness.history.find((event) => event.action === 'die' && event.id === id)?.at
}

describe('drain', () => {
  test('scale-down takes the idle engine and lets busy ones be (I5)', async () => {
    const [onA] = await ordinaryOn('a')
    const [busy, idle] = await ordinaryOn('b')
    await using _a = await watching(onA)
    await using _b = await watching(busy)
    await rig.edit(spec(3))
    const left = (await rig.converged(3)).map((engine) => engine.containerId)
    expect(left).not.toContain(idle?.containerId)
    expect(left).toEqual(expect.arrayContaining([onA?.containerId, busy?.containerId]))
  })

  test('an engine that must go serves its streams to their end (I5)', async () => {
    const [onA, onB] = [...(await ordinaryOn('a')), ...(await ordinaryOn('b'))]
    await using first = await watching(onA)
    await using second = await watching(onB)
    await rig.edit(spec(1))
    await draining(onA?.containerId)
    await draining(onB?.containerId)
    await expect(watching(onA)).rejects.toThrow('marked')
    await sleep(3_000)
    for (const engine of [onA, onB])
      expect(await now(engine?.containerId)).toMatchObject({ phase: 'Draining', streams: 1 })
    await first.end()
    await gone(onA?.containerId)
    expect(await now(onB?.containerId)).toMatchObject({ phase: 'Draining' })
    await second.end()
    await rig.converged(1)
  })

  test('a drain outlives the controller: the next one goes on with the same mark (I5, I7)', async () => {
    await rig.edit(spec(4))
    await balanced(4)
    const [busy] = await ordinaryOn('a')
    await using viewer = await watching(busy)
    expect((await rig.post(`/v1/engines/${busy?.name}/drain`)).status).toBe(202)
    const before = await draining(busy?.containerId)
    const { epoch } = await rig.fleetView()
    await rig.end('SIGKILL')
    await rig.start()
    await rig.until('the next one has made a pass', async () => {
      return ((await rig.fleetView()).epoch ?? 0) > (epoch ?? 0)
    })
    await sleep(2_000)
    expect(await draining(busy?.containerId)).toEqual(before)
    await viewer.end()
    await gone(busy?.containerId)
    await rig.converged(4)
  })

  test('the drain timeout ends what streams would not, and not before (I5)', async () => {
    await rig.edit(spec(4, { update: { drainTimeout: '5s' } }))
    const [busy] = await ordinaryOn('b')
    await using _ = await watching(busy)
    await rig.post(`/v1/engines/${busy?.name}/drain`)
    const { deadlineAt } = await draining(busy?.containerId)
    await gone(busy?.containerId)
    expect(await diedAt(busy?.containerId)).toBeGreaterThanOrEqual(Date.parse(deadlineAt ?? ''))
    const stopped = (await rig.events()).findLast(
      (e) => e.reason === 'EngineStopped' && e.containerId === busy?.containerId,
    )
    expect(stopped?.message).toContain('drain timeout')
    await rig.converged(4)
  })

  test('a drained idle engine is replaced, and nobody else is touched', async () => {
    await rig.edit(spec(4))
    const before = await rig.converged(4)
    const [drained] = await ordinaryOn('b')
    await rig.post(`/v1/engines/${drained?.name}/drain`)
    await gone(drained?.containerId)
    const after = (await rig.converged(4)).map((engine) => engine.containerId)
    const others = before.filter((engine) => engine.containerId !== drained?.containerId)
    expect(after).toEqual(expect.arrayContaining(others.map((engine) => engine.containerId)))
  })

  test('a cordoned VPN node gets no new engine, and keeps those it has', async () => {
    await balanced(4)
    const before = (await rig.engines()).map((engine) => engine.containerId)
    const b = rig.nodeName('b')
    expect((await rig.post(`/v1/vpns/${b}/cordon`)).status).toBe(202)
    await rig.edit(spec(7))
    const grown = await rig.converged(7)
    expect(await load('b')).toBe(2)
    expect(grown.map((engine) => engine.containerId)).toEqual(expect.arrayContaining(before))
    expect((await rig.vpns()).map((vpn) => vpn.cordoned)).toEqual([false, true])
    await rig.post(`/v1/vpns/${b}/uncordon`)
    await rig.edit(spec(4))
    await balanced(4)
  })

  test('a cordon by the spec is lifted by the spec alone', async () => {
    await rig.edit(cordoned(6))
    await rig.converged(6)
    expect(await load('b')).toBe(2)
    const b = rig.nodeName('b')
    const answer = await rig.post(`/v1/vpns/${b}/uncordon`)
    expect(answer).toMatchObject({ status: 409 })
    expect(JSON.stringify(answer.body)).toContain('cordon: false')
    await rig.edit(spec(4))
    await balanced(4)
  })

  test('a drained VPN node gets empty, the forwarded engine included; busy ones go when they can (I1, I5)', async () => {
    const a = rig.nodeName('a')
    const [busy] = await ordinaryOn('a')
    await using viewer = await watching(busy)
    expect((await rig.post(`/v1/vpns/${a}/drain`)).status).toBe(202)
    await draining(busy?.containerId)
    await rig.until('only the busy one is left there', async () => {
      const engines = await rig.engines()
      const there = engines.filter((engine) => engine.vpn === a)
      const elsewhere = engines.filter((engine) => engine.vpn !== a && engine.ready)
      const hasForwarded = elsewhere.some((engine) => engine.forwarded)
      return there.length === 1 && elsewhere.length === 4 && hasForwarded
    })
    expect(await now(busy?.containerId)).toMatchObject({ phase: 'Draining', streams: 1 })
    await viewer.end()
    await rig.until('it is empty', async () => (await load('a')) === 0)
    await rig.converged(4)
    expect(await load('b')).toBe(4)
  })

  test('an uncordoned VPN node gets its share back (I4)', async () => {
    await rig.post(`/v1/vpns/${rig.nodeName('a')}/uncordon`)
    await balanced(4)
  })

  test('a rolling update waits for the busy engine alone (I5)', async () => {
    const [busy] = await ordinaryOn('b')
    const before = (await rig.engines()).map((engine) => engine.containerId)
    await using viewer = await watching(busy)
    const engine = engineSettings(rig, { env: { CACHE_LIMIT: '2' } })
    await rig.edit(spec(4, { engine }))
    await rig.until('four new ones are ready beside the busy one', async () => {
      const engines = await rig.engines()
      return engines.filter((e) => e.updated && e.ready).length === 4 && engines.length === 5
    })
    const kept = (await rig.engines()).filter((e) => before.includes(e.containerId))
    expect(kept).toMatchObject([{ containerId: busy?.containerId, phase: 'Draining', streams: 1 }])
    await viewer.end()
    await gone(busy?.containerId)
    await rig.converged(4)
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})

describe('delete', () => {
  test('is refused while a spec declares the fleet, and changes nothing', async () => {
    const before = (await rig.engines()).map((engine) => engine.containerId)
    const answer = await rig.post(`/v1/fleets/${rig.fleet}/delete`)
    expect(answer.status).toBe(409)
    expect(JSON.stringify(answer.body)).toContain('fleet.yaml')
    expect((await rig.engines()).map((engine) => engine.containerId)).toEqual(before)
  })

  test('a spec that disappears deletes nothing: the fleet is Orphaned', async () => {
    const before = (await rig.engines()).map((engine) => engine.containerId)
    await rm(join(rig.specDir, 'fleet.yaml'))
    await rig.until('it is orphaned', async () =>
      (await rig.fleetView()).conditions.some(
        (c) => c.type === 'Orphaned' && c.message.includes(`acefleet delete ${rig.fleet}`),
      ),
    )
    expect((await rig.engines()).map((engine) => engine.containerId)).toEqual(before)
  })

  test('removes every engine, busy ones when they can, and nothing else (I5, I8)', async () => {
    const [busy] = await ordinaryOn('a')
    await using viewer = await watching(busy)
    const bystander = await startEngine(rig.docker, {
      image: rig.images.engine,
      name: `${rig.fleet}-bystander`,
      labels: { 'acefleet.test': rig.instance },
    })
    expect((await rig.post(`/v1/fleets/${rig.fleet}/delete`)).status).toBe(202)
    await rig.until('only the busy one is left', async () => {
      const engines = await rig.engines()
      return engines.length === 1 && engines[0]?.containerId === busy?.containerId
    })
    await viewer.end()
    await rig.until('the fleet is forgotten', async () => {
      const { items } = await rig.get<{ items: readonly unknown[] }>('/v1/fleets')
      return items.length === 0
    })
    const label = [`acefleet.fleet=${rig.fleet}`]
    expect(await rig.docker.listContainers({ all: true, filters: { label } })).toEqual([])
    const others = [bystander, rig.nodes.a?.id ?? '', rig.nodes.b?.id ?? '']
    for (const id of others)
      expect((await rig.docker.getContainer(id).inspect()).State.Running).toBe(true)
  })
})
