import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView, VpnView } from '../../src/api/view.ts'
import { makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import { findEngine } from '../harness/standins.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(tunnelled(rig, { replicas: 4 }))
  await rig.start()
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

/** A VPN server that goes away while Gluetun, for ten minutes, sees nothing of it. */
const FROZEN = { healthyForMs: 600_000, loopMs: 6_000 }

async function freeze(...letters: readonly string[]): Promise<void> {
  for (const letter of letters) await rig.nodes[letter]?.set({ frozen: FROZEN })
}

async function thaw(...letters: readonly string[]): Promise<void> {
  for (const letter of letters) await rig.nodes[letter]?.set({ frozen: null })
}

async function vpn(letter: string): Promise<VpnView | undefined> {
  return (await rig.vpns()).find(({ name }) => name === rig.nodeName(letter))
}

/** Waits until nodes are, by their letters, what they should be. */
function judged(wanted: Readonly<Record<string, string>>): Promise<unknown> {
  return rig.until(`nodes are judged ${JSON.stringify(wanted)}`, async () => {
    for (const [letter, state] of Object.entries(wanted)) {
      const view = await vpn(letter)
      if (`${view?.state} ${view?.reason}` !== state)
        throw new Error(`${letter} is ${view?.state}: ${view?.reason}, ${view?.message}`)
    }
    return true
  })
}

const on = (engines: readonly EngineView[], letter: string) =>
  engines.filter((engine) => engine.vpn === rig.nodeName(letter))

const idsOf = (engines: readonly EngineView[]) =>
  engines.map(({ containerId }) => containerId).toSorted()

describe('tunnels that look healthy and carry nothing', () => {
  test('on all nodes at once are the Internet, so nothing is moved or stopped (I9)', async () => {
    const before = await rig.converged(4)
    await freeze('a', 'b')
    await judged({ a: 'degraded EnginesOffline', b: 'degraded EnginesOffline' })
    expect(await rig.nodes.a?.state()).toMatchObject({ status: 'running', healthy: true })
    // Well beyond the time after which one node alone would count as dead.
    await sleep(40_000)
    await judged({ a: 'degraded EnginesOffline', b: 'degraded EnginesOffline' })
    expect(idsOf(await rig.engines())).toEqual(idsOf(before))
    await thaw('a', 'b')
    await judged({ a: 'up VpnRunning', b: 'up VpnRunning' })
    expect(idsOf(await rig.converged(4))).toEqual(idsOf(before))
  })

  test('on one node are found out by its engines, which move, and come back when it is tried again (I1, I10, L1)', async () => {
    await freeze('a')
    await judged({ a: 'degraded EnginesOffline' })
    await judged({ a: 'down TunnelDead', b: 'up VpnRunning' })
    expect(await rig.nodes.a?.state()).toMatchObject({ status: 'running', healthy: true })
    await rig.until('all engines are ready on b', async () => {
      const engines = await rig.engines()
      return on(engines, 'b').filter(({ ready }) => ready).length === 4 && engines.length === 4
    })
    const forwarded = (await rig.engines()).filter((engine) => engine.forwarded)
    expect(forwarded).toMatchObject([{ vpn: rig.nodeName('b'), ready: true }])
    const reasons = (await rig.events()).map(({ reason }) => reason)
    expect(reasons).toEqual(expect.arrayContaining(['VpnDegraded', 'VpnDown', 'EngineFailed']))

    await thaw('a')
    await judged({ a: 'up VpnRunning' })
    await rig.until('engines are on both nodes again', async () => {
      const engines = await rig.engines()
      const ready = (letter: string) => on(engines, letter).filter((each) => each.ready).length
      return ready('a') === 2 && ready('b') === 2
    })
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})

describe('engines whose VPN reconnects inside its container', () => {
  test('stay when they are connected again; one that is not after a minute is replaced (I5)', async () => {
    const before = await rig.converged(4)
    const stray = on(before, 'a').find(({ forwarded }) => !forwarded)
    const engine = await findEngine(rig.docker, stray?.containerId ?? '')
    await engine.setMode({ mode: 'disconnected' })
    await rig.nodes.a?.set({ nextPublicIp: '198.51.100.200' })
    await rig.nodes.a?.reconnect()
    await rig.until('the new address is known', async () => {
      const view = await vpn('a')
      return view?.state === 'up' && view.publicIp === '198.51.100.200'
    })
    await rig.until('the one that stayed behind is replaced', async () => {
      const engines = await rig.converged(4)
      return engines.every(({ containerId }) => containerId !== stray?.containerId)
    })
    const others = before.filter((each) => each !== stray)
    expect(idsOf(await rig.engines())).toEqual(expect.arrayContaining(idsOf(others)))
    const told = (await rig.events()).filter(({ reason }) => reason === 'EngineDraining')
    const about = told.map(({ message }) => message).join('\n')
    expect(about).toContain('reaches nothing since the VPN')
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
