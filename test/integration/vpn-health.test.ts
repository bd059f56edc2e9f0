import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView, VpnView } from '../../src/api/view.ts'
import { makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { findEngine } from '../harness/standins.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

/** A VPN server that goes away while Gluetun, for ten minutes, sees nothing of it. */
const FROZEN = { healthyForMs: 600_000, loopMs: 6_000 }

/** A fleet, its two nodes and its witness, of which each test has its own: all wait for minutes, so they do at once. */
interface Stage {
  readonly rig: Rig
  readonly witness: Witness
  vpn(letter: string): Promise<VpnView | undefined>
  /** Waits until nodes are, by their letters, what they should be. */
  judged(wanted: Readonly<Record<string, string>>): Promise<unknown>
  freeze(...letters: readonly string[]): Promise<void>
  thaw(...letters: readonly string[]): Promise<void>
  on(engines: readonly EngineView[], letter: string): readonly EngineView[]
  end(): Promise<void>
}

async function makeStage(): Promise<Stage> {
  const rig = await makeRig()
  const { docker, instance, fleet } = rig
  const witness = await startWitness(docker, {
    ...{ instance, fleet, scope: 'fleet', isTunnelled: true },
  })
  await Promise.all([rig.addNode('a'), rig.addNode('b')])
  const vpn = async (letter: string) =>
    (await rig.vpns()).find(({ name }) => name === rig.nodeName(letter))
  const freeze = async (letters: readonly string[], frozen: typeof FROZEN | null) => {
    for (const letter of letters) await rig.nodes[letter]?.set({ frozen })
  }
  return {
    rig,
    witness,
    vpn,
    judged: (wanted) =>
      rig.until(`nodes are judged ${JSON.stringify(wanted)}`, async () => {
        for (const [letter, state] of Object.entries(wanted)) {
          const view = await vpn(letter)
          if (`${view?.state} ${view?.reason}` !== state)
            throw new Error(`${letter} is ${view?.state}: ${view?.reason}, ${view?.message}`)
        }
        return true
      }),
    freeze: (...letters) => freeze(letters, FROZEN),
    thaw: (...letters) => freeze(letters, null),
    on: (engines, letter) => engines.filter((engine) => engine.vpn === rig.nodeName(letter)),
    async end() {
      await witness[Symbol.asyncDispose]()
      await rig[Symbol.asyncDispose]()
    },
  }
}

const stages: Stage[] = []

beforeAll(async () => {
  // One after the other: the first builds the images.
  for (let i = 0; i < 4; i++) stages.push(await makeStage())
})

afterAll(async () => {
  await Promise.all(stages.map((stage) => stage.end()))
})

/** The stage of a test, with its fleet on it. */
async function stage(index: number, replicas: number, more: SpecBody = {}): Promise<Stage> {
  const found = stages[index]
  if (found === undefined) throw new Error(`no stage ${index}`)
  const { vpn, ...rest } = tunnelled(found.rig, { replicas })
  // What Gluetun comes to by itself is what is looked at.
  await found.rig.edit({ ...rest, vpn: { ...(vpn as object), restartVpnAfter: 'never', ...more } })
  await found.rig.start()
  return found
}

const idsOf = (engines: readonly EngineView[]) =>
  engines.map(({ containerId }) => containerId).toSorted()

async function unbroken({ witness }: Stage): Promise<void> {
  await witness.caughtUp()
  expect(witness.violations).toEqual([])
}

describe.concurrent('tunnels that look healthy and carry nothing', () => {
  test('on all nodes at once are the Internet, so nothing is moved or stopped (I9)', async () => {
    const all = await stage(0, 2)
    const { rig, judged, freeze, thaw } = all
    const before = await rig.converged(2)
    await freeze('a', 'b')
    await judged({ a: 'degraded EnginesOffline', b: 'degraded EnginesOffline' })
    expect(await rig.nodes.a?.state()).toMatchObject({ status: 'running', healthy: true })
    // Well beyond the time after which one node alone would count as dead.
    await sleep(40_000)
    await judged({ a: 'degraded EnginesOffline', b: 'degraded EnginesOffline' })
    expect(idsOf(await rig.engines())).toEqual(idsOf(before))
    await thaw('a', 'b')
    await judged({ a: 'up VpnRunning', b: 'up VpnRunning' })
    expect(idsOf(await rig.converged(2))).toEqual(idsOf(before))
    await unbroken(all)
  })

  test('on one node are found out by its engines, which move, and come back with the VPN server (I1, I10, L1)', async () => {
    const all = await stage(1, 4)
    const { rig, judged, freeze, on } = all
    await rig.converged(4)
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

    // Gluetun finds out in its own time, and restarts its VPN, which takes 2 to 4 s (measured).
    await rig.nodes.a?.set({ frozen: null, connectMs: 4_000 })
    await rig.nodes.a?.reconnect()
    await judged({ a: 'up VpnRunning' })
    await rig.until('engines are on both nodes again', async () => {
      const engines = await rig.engines()
      const ready = (letter: string) => on(engines, letter).filter((each) => each.ready).length
      return ready('a') === 2 && ready('b') === 2
    })
    await unbroken(all)
  })
})

/** One engine on node a that finds its network no more, and all of them after a's VPN reconnected inside its container. */
async function leaveBehind({ rig, on, vpn }: Stage, before: readonly EngineView[]) {
  const stray = on(before, 'a').find(({ forwarded }) => !forwarded)
  const engine = await findEngine(rig.docker, stray?.containerId ?? '')
  await engine.setMode({ mode: 'disconnected' })
  await rig.nodes.a?.set({ nextPublicIp: '198.51.100.200' })
  await rig.nodes.a?.reconnect()
  await rig.until('the new address is known', async () => {
    const view = await vpn('a')
    return view?.state === 'up' && view.publicIp === '198.51.100.200'
  })
  return stray
}

/** Engines that had to go for a reason with these words; others may have moved so that nodes are even. */
async function drainedFor(rig: Rig, words: string): Promise<readonly unknown[]> {
  const told = await rig.events()
  const drained = told.filter(
    ({ reason, message }) => reason === 'EngineDraining' && message.includes(words),
  )
  return [...new Set(drained.map(({ containerId }) => containerId))].toSorted()
}

describe.concurrent('engines whose VPN reconnects inside its container', () => {
  test('auto: stay when they are connected again; one that is not after a minute is replaced (I5)', async () => {
    const all = await stage(2, 4, { restartEnginesOnReconnect: 'auto' })
    const { rig } = all
    const before = await rig.converged(4)
    const stray = await leaveBehind(all, before)
    await rig.until('the one that stayed behind is replaced', async () => {
      const engines = await rig.converged(4)
      return engines.every(({ containerId }) => containerId !== stray?.containerId)
    })
    expect(await drainedFor(rig, 'since the VPN')).toEqual([stray?.containerId])
    await unbroken(all)
  })

  test('never: stay, connected or not; always: are replaced in order, all of them (I5)', async () => {
    const all = await stage(3, 4, { restartEnginesOnReconnect: 'never' })
    const { rig, on } = all
    const before = await rig.converged(4)
    await leaveBehind(all, before)
    // Longer than the minute after which `auto` would have acted.
    await sleep(70_000)
    expect(idsOf(await rig.converged(4))).toEqual(idsOf(before))

    const { vpn, ...rest } = tunnelled(rig, { replicas: 4 })
    const policy = { restartVpnAfter: 'never', restartEnginesOnReconnect: 'always' }
    const always = { ...(vpn as object), ...policy }
    await rig.edit({ ...rest, vpn: always })
    await rig.until('all engines behind the VPN that reconnected are new', async () => {
      const engines = await rig.converged(4)
      const ids = idsOf(on(before, 'a'))
      return engines.every(({ containerId }) => !ids.includes(containerId))
    })
    expect(await drainedFor(rig, 'reconnected')).toEqual(idsOf(on(before, 'a')))
    await unbroken(all)
  })
})
