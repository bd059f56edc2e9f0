import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineSettings, makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
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
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function perNode(engines: readonly { vpn: string | null }[]): number[] {
  const counts = Map.groupBy(engines, (engine) => engine.vpn)
  return [...counts.values()].map((group) => group.length).sort()
}

describe('a fleet behind two VPN nodes', () => {
  test('comes up balanced, with one forwarded engine on its node’s port (I1, I4, I11, L2)', async () => {
    const engines = await rig.converged(4)
    expect(perNode(engines)).toEqual([2, 2])
    const forwarded = engines.filter((engine) => engine.forwarded)
    expect(forwarded.map((engine) => engine.name)).toEqual([`${rig.fleet}.forwarded`])
    const [node] = (await rig.vpns()).filter((vpn) => vpn.name === forwarded[0]?.vpn)
    expect(forwarded[0]?.p2pPort).toBe(node?.forwardedPort)
  })

  test('carries names, labels and settings that other tools read', async () => {
    const [engine] = (await rig.engines()).filter((each) => !each.forwarded)
    const { Config, HostConfig, Name } = await rig.docker
      .getContainer(engine?.containerId ?? '')
      .inspect()
    expect(Name).toBe(`/${rig.fleet}.${engine?.slot}`)
    expect(Config.Labels).toMatchObject({
      'acefleet.instance': rig.instance,
      'acefleet.fleet': rig.fleet,
      'acefleet.slot': engine?.slot,
      'acestream.http_port': String(engine?.port),
      'host.http_port': String(engine?.port),
      'acestream.vpn_container': engine?.vpn,
    })
    expect(Config.Labels['acefleet.epoch']).toMatch(/^\d{13}$/)
    expect(Config.Labels).not.toHaveProperty('acestream.forwarded')
    expect(HostConfig.RestartPolicy).toMatchObject({ Name: 'no' })
    expect(HostConfig).toMatchObject({ AutoRemove: false, Init: true })
  })

  test('stays as it is: further passes change nothing (L1)', async () => {
    await witness.caughtUp()
    const before = witness.events.length
    // Each is a wake-up and leads to a pass; to uncordon what is not cordoned would be none.
    for (const request of ['cordon', 'uncordon', 'cordon', 'uncordon']) {
      await rig.post(`/v1/vpns/${rig.nodeName('a')}/${request}`)
      await sleep(200)
    }
    await witness.caughtUp()
    expect(witness.events.slice(before)).toEqual([])
  })

  test('grows to ten engines with still one forwarded label, and shrinks again (I1, I2, I4)', async () => {
    await rig.edit(tunnelled(rig, { replicas: 10 }))
    const grown = await rig.converged(10)
    expect(grown.filter((engine) => engine.forwarded)).toHaveLength(1)
    expect(perNode(grown)).toEqual([5, 5])
    await rig.edit(tunnelled(rig, { replicas: 4 }))
    const shrunk = await rig.converged(4)
    expect(perNode(shrunk)).toEqual([2, 2])
    expect(shrunk.filter((engine) => engine.forwarded)).toHaveLength(1)
  })

  test('rolls every engine on a changed spec, start-first, the forwarded one last (I1, I2)', async () => {
    const before = new Set((await rig.engines()).map((engine) => engine.containerId))
    await witness.caughtUp()
    const from = witness.events.length
    await rig.edit(tunnelled(rig, { engine: engineSettings(rig, { env: { CACHE_LIMIT: '2' } }) }))
    const after = await rig.converged(4)
    expect(after.filter((engine) => before.has(engine.containerId))).toEqual([])
    await witness.caughtUp()
    const told = witness.events.slice(from)
    const forwardedDied = told.indexOf(`die ${rig.fleet}.forwarded`)
    const diedBefore = told.slice(0, forwardedDied).filter((e) => /^die .*\.\d+$/.test(e))
    expect(diedBefore).toHaveLength(3)
    // Start-first: nobody goes before the first new one has come.
    expect(told[0]).toMatch(/^create /)
  })

  test('is adopted by the next process: no engine is touched by an end and a start', async () => {
    const before = (await rig.engines()).map((engine) => engine.containerId).sort()
    await witness.caughtUp()
    const from = witness.events.length
    expect(await rig.end('SIGTERM')).toBe(0)
    await rig.start()
    const after = (await rig.converged(4)).map((engine) => engine.containerId).sort()
    expect(after).toEqual(before)
    await witness.caughtUp()
    expect(witness.events.slice(from)).toEqual([])
  })

  test('is finished by the next process when one is killed in the middle of its work (I1, I2, I6)', async () => {
    await rig.edit(tunnelled(rig, { replicas: 9 }))
    await rig.until('the first new engines are there', async () => (await rig.engines()).length > 5)
    await rig.end('SIGKILL')
    await rig.start()
    const engines = await rig.converged(9)
    const epochs = await Promise.all(
      engines.map(async ({ containerId }) => {
        const { Config } = await rig.docker.getContainer(containerId ?? '').inspect()
        return Number(Config.Labels['acefleet.epoch'])
      }),
    )
    const { epoch } = await rig.fleetView()
    expect(Math.max(...epochs)).toBeLessThanOrEqual(epoch ?? 0)
    expect(new Set(epochs).size).toBeGreaterThan(1)
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.events.length).toBeGreaterThan(50)
    expect(witness.violations).toEqual([])
  })
})
