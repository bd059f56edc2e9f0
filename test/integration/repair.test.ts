import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
  await rig.edit(tunnelled(rig))
  await rig.start()
  await rig.converged(4)
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

async function engineIn(slot: string) {
  const found = (await rig.engines()).find((engine) => engine.slot === slot)
  if (found?.containerId == null) throw new Error(`no engine in slot ${slot}`)
  return { ...found, containerId: found.containerId }
}

async function gone(containerId: string): Promise<void> {
  await rig.until(`${containerId.slice(0, 12)} is replaced`, async () =>
    (await rig.engines()).every((engine) => engine.containerId !== containerId),
  )
}

describe('repair', () => {
  test('replaces an engine that died, and tells its exit code and last log lines', async () => {
    const [victim] = (await rig.engines()).filter((engine) => !engine.forwarded)
    const id = victim?.containerId ?? ''
    const standIn = await findEngine(rig.docker, id)
    await standIn.setMode({ mode: 'exit', exitCode: 42 })
    await gone(id)
    await rig.converged(4)
    const event = (await rig.events()).find(
      (e) => e.reason === 'EngineExited' && e.containerId === id,
    )
    expect(event).toMatchObject({ type: 'Warning' })
    expect(event?.message).toContain('exited with code 42')
    expect(event?.message).toMatch(/last log lines:\n.+/s)
  })

  test('replaces an engine that hangs though its container runs', async () => {
    const [victim] = (await rig.engines()).filter((engine) => !engine.forwarded)
    const id = victim?.containerId ?? ''
    await (await findEngine(rig.docker, id)).setMode({ mode: 'hang' })
    await gone(id)
    await rig.converged(4)
  })

  test('elects again when the forwarded engine dies (I1, L2)', async () => {
    const { containerId } = await engineIn('forwarded')
    await rig.docker.getContainer(containerId).kill()
    await gone(containerId)
    const engines = await rig.converged(4)
    expect(engines.filter((engine) => engine.forwarded)).toHaveLength(1)
  })

  test('replaces all engines of a restarted VPN node, whose namespace is dead, and moves the forwarded one (I10)', async () => {
    const { vpn } = await engineIn('forwarded')
    const letter = vpn === rig.nodeName('a') ? 'a' : 'b'
    const before = (await rig.engines()).filter((engine) => engine.vpn === vpn)
    await rig.nodes[letter]?.restart()
    for (const { containerId } of before) await gone(containerId ?? '')
    const engines = await rig.converged(4)
    expect(engines.filter((engine) => engine.forwarded)).toHaveLength(1)
  })

  test('moves all work to the other node when one is gone, and back in balance when it returns (I4)', async () => {
    await rig.nodes.a?.remove()
    // That it was there is what the fleet says until it has been looked at again.
    await rig.until('all engines are on the other node', async () => {
      const engines = await rig.converged(4)
      return engines.every((engine) => engine.vpn === rig.nodeName('b'))
    })
    const { conditions } = await rig.fleetView()
    expect(conditions.find((c) => c.type === 'VpnNotReady')?.message).toContain(rig.nodeName('a'))
    await rig.addNode('a')
    await rig.until('both nodes carry two engines', async () => {
      const engines = await rig.converged(4)
      return engines.filter((engine) => engine.vpn === rig.nodeName('a')).length === 2
    })
  })

  test('removes nothing while no VPN node is up, says so, and recovers by itself (I9, I10)', async () => {
    await rig.nodes.a?.stop()
    await rig.nodes.b?.stop()
    await rig.until('the fleet says that no VPN is there', async () =>
      (await rig.fleetView()).conditions.some(
        (c) => c.type === 'VpnNotReady' && /-b/.test(c.message),
      ),
    )
    const { conditions } = await rig.fleetView()
    expect(conditions.find((c) => c.type === 'Ready')?.status).toBe('False')
    expect((await rig.engines()).length).toBeGreaterThan(0)
    await rig.nodes.b?.start()
    await rig.nodes.a?.start()
    await rig.converged(4)
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
