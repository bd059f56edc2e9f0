import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView, VpnView } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import { startViewer } from '../harness/viewer.ts'
import { type Happening, startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let store: Store
/** The forwarded engine's first node, and the other: by their letters. */
let first: string
let other: string

/** Long enough that what follows from a node's fall at once can be told from what follows when it is given up. */
const DOWN_GRACE_S = 6

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  const spec = tunnelled(rig, { replicas: 4 })
  // A VPN that is stopped here is stopped until the test starts it.
  const vpn = { ...(spec.vpn as object), downGrace: `${DOWN_GRACE_S}s`, restartVpnAfter: 'never' }
  await rig.edit({ ...spec, vpn })
  await rig.start()
  store = await rig.openStore()
  const engines = await rig.converged(4)
  const forwarded = engines.find((engine) => engine.forwarded)
  first = forwarded?.vpn === rig.nodeName('a') ? 'a' : 'b'
  other = first === 'a' ? 'b' : 'a'
})

afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

const on = (engines: readonly EngineView[], letter: string) =>
  engines.filter((engine) => engine.vpn === rig.nodeName(letter))

const idsOf = (engines: readonly EngineView[]) =>
  engines.map(({ containerId }) => containerId).toSorted()

async function vpn(letter: string): Promise<VpnView | undefined> {
  return (await rig.vpns()).find(({ name }) => name === rig.nodeName(letter))
}

/** Nodes of which claims may have engines now. */
async function offeredOn(): Promise<readonly (string | undefined)[]> {
  const ready = (await store.endpoints(rig.fleet)).filter((endpoint) => endpoint.ready)
  return [...new Set(ready.map((endpoint) => endpoint.vpn))].toSorted()
}

function isDown(letter: string): Promise<unknown> {
  return rig.until(`${letter} is down`, async () => (await vpn(letter))?.state === 'down')
}

/** All engines there are, ready, by node. */
function settled(wanted: Readonly<Record<string, number>>): Promise<readonly EngineView[]> {
  return rig.until(`engines are spread ${JSON.stringify(wanted)}`, async () => {
    const engines = await rig.converged(4)
    const isSo = Object.entries(wanted).every(([letter, n]) => on(engines, letter).length === n)
    return isSo ? engines : undefined
  })
}

/** How many engines ran at the fewest and at the most while that happened, by the daemon's word. */
function bounds(told: readonly Happening[], from: number): { least: number; most: number } {
  let running = from
  const counts = told.map(({ action }) => {
    if (action === 'start') running += 1
    if (action === 'die') running -= 1
    return running
  })
  return { least: Math.min(from, ...counts), most: Math.max(from, ...counts) }
}

/** How long a VPN that was stopped by hand is left so is the test's own doing: its container and its engines run on. */
const stopVpn = (letter: string) => rig.nodes[letter]?.setStatus('stopped')
const startVpn = (letter: string) => rig.nodes[letter]?.setStatus('running')

describe('a node that fails', () => {
  test('leaves selection at once, and when its grace is over its work is on the other, up to capacity (I1, I4)', async () => {
    expect(await offeredOn()).toEqual([rig.nodeName('a'), rig.nodeName('b')])
    const before = await rig.engines()
    await stopVpn(first)
    await rig.until('claims get engines of the other node alone', async () => {
      const offered = await offeredOn()
      return offered.length === 1 && offered[0] === rig.nodeName(other)
    })
    // Within the grace nothing is stopped: it may come back.
    expect(idsOf(await rig.engines())).toEqual(idsOf(before))
    const engines = await settled({ [first]: 0, [other]: 4 })
    expect(engines.filter((engine) => engine.forwarded)).toMatchObject([
      { vpn: rig.nodeName(other), ready: true },
    ])
    const offered = (await store.endpoints(rig.fleet)).filter((endpoint) => endpoint.ready)
    expect(offered).toHaveLength(4)
    const reasons = (await rig.events()).map(({ reason }) => reason)
    expect(reasons).toEqual(expect.arrayContaining(['VpnDown', 'EngineFailed']))
  })

  test('gets idle engines back, one at a time; busy ones and the forwarded one stay (I4, I5)', async () => {
    const before = await rig.engines()
    const [busy] = before.filter((engine) => !engine.forwarded)
    await using _ = await startViewer(store, rig.fleet, busy?.containerId)
    await witness.caughtUp()
    const from = witness.history.length
    await startVpn(first)
    const after = await settled({ a: 2, b: 2 })
    const kept = before.filter((engine) => engine.forwarded || engine === busy)
    expect(idsOf(on(after, other))).toEqual(idsOf(kept))
    await witness.caughtUp()
    // maxUnavailable 0 and maxSurge 1: the new one is there before the old one goes, and never a second beside it.
    expect(bounds(witness.history.slice(from), 4)).toEqual({ least: 4, most: 5 })
  })
})

describe('all nodes that fail', () => {
  test('end nothing and start nothing; conditions say so, and nothing is offered (I9, I10)', async () => {
    const before = await rig.engines()
    await witness.caughtUp()
    const from = witness.history.length
    await stopVpn('a')
    await stopVpn('b')
    await isDown('a')
    await isDown('b')
    await rig.until('nothing is offered', async () => (await offeredOn()).length === 0)
    const since = Math.max(...(await rig.vpns()).map((each) => Date.parse(each.since ?? '')))
    // The pass in which they would be given up, and what would follow from it.
    await sleep(Math.max(0, since + (DOWN_GRACE_S + 3) * 1_000 - Date.now()))
    const { conditions } = await rig.fleetView()
    const told = conditions.filter(({ type }) => type === 'VpnNotReady')
    for (const letter of ['a', 'b'])
      expect(told.map(({ message }) => message).join()).toContain(rig.nodeName(letter))
    expect(idsOf(await rig.engines())).toEqual(idsOf(before))
    await witness.caughtUp()
    expect(witness.history.slice(from)).toEqual([])
  })

  test('resume by themselves: the first that returns has all, and one that fell twice waits visibly before it has its share (I4, L1)', async () => {
    await startVpn(other)
    await settled({ [first]: 0, [other]: 4 })
    expect(await offeredOn()).toEqual([rig.nodeName(other)])
    await witness.caughtUp()
    const from = witness.history.length
    await startVpn(first)
    const held = await rig.until(`${first} is back and held`, async () => {
      const view = await vpn(first)
      return view?.state === 'degraded' ? view : undefined
    })
    expect(held).toMatchObject({ reason: 'Flapping', engines: 0 })
    const [, until] = held.message.match(/until (\S+)$/) ?? []
    const { conditions } = await rig.fleetView()
    const told = conditions.find(({ reason }) => reason === 'Flapping')
    expect(told?.message).toContain(until)
    await settled({ a: 2, b: 2 })
    await witness.caughtUp()
    const [created] = witness.history.slice(from)
    expect(created?.action).toBe('create')
    expect(created?.at).toBeGreaterThanOrEqual(Date.parse(until ?? ''))
    expect(bounds(witness.history.slice(from), 4)).toEqual({ least: 4, most: 5 })
  })

  test('whose containers end and come back in the other order have their share again (I1, I2, I10, L1)', async () => {
    await rig.nodes[other]?.kill()
    await rig.nodes[first]?.kill()
    await isDown(other)
    await isDown(first)
    await rig.nodes[first]?.start()
    await rig.until(
      `all are on ${first}`,
      async () => on(await rig.converged(4), first).length === 4,
    )
    await rig.nodes[other]?.start()
    await settled({ a: 2, b: 2 })
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
