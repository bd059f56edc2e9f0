import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { engineSettings, makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { hasMore, sessionOf, streamUrl, watchContent } from '../harness/audience.ts'
import { findEngine } from '../harness/standins.ts'
import type { Watcher } from '../harness/watch-stream.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let store: Store
/** Who watches all the time: two contents, one of them twice. */
let viewers: readonly { readonly word: string; readonly watcher: Watcher }[] = []

function spec(replicas: number, more: SpecBody = {}): SpecBody {
  const engine = { ...engineSettings(rig), maxStreams: 1, ...more }
  // Long: a drain that ends has ended because its streams have moved.
  const update = { maxSurge: 1, maxUnavailable: 0, drainTimeout: '1h' }
  return tunnelled(rig, { replicas, engine, update })
}

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
  for (const { watcher } of viewers) watcher.response.destroy()
  await store?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

/** The engine that plays a content. */
async function playerOf(word: string): Promise<EngineView> {
  return await rig.until(`${word} is played`, async () => {
    const session = await sessionOf(store, rig.fleet, word)
    const engines = await rig.engines()
    return engines.find(({ containerId }) => containerId === session?.containerId)
  })
}

/** All of them get more bytes, each packet of which was well, and were never cut. */
async function allGoOn(): Promise<void> {
  const from = viewers.map(({ watcher }) => watcher.report().stamps)
  await rig.until('all viewers get more', async () =>
    viewers.every(({ watcher }, n) => hasMore(watcher, from[n] ?? 0)),
  )
  for (const { word, watcher } of viewers) {
    expect([word, watcher.report().problems]).toEqual([word, []])
    expect(watcher.response.destroyed).toBe(false)
  }
}

async function movedFrom(word: string, before: EngineView): Promise<void> {
  await rig.until(`${word} is played elsewhere`, async () => {
    const session = await sessionOf(store, rig.fleet, word)
    return session?.state === 'active' && session.containerId !== before.containerId
  })
}

async function gone({ containerId }: EngineView): Promise<void> {
  await rig.until(`${containerId} is removed`, async () => {
    return (await rig.engines()).every((engine) => engine.containerId !== containerId)
  })
}

async function endedEarly(): Promise<number> {
  return (await rig.events()).filter(({ message }) => message.includes('drain timeout')).length
}

/** How often a stream had no source. */
async function interruptions(): Promise<number> {
  const events = (await rig.events()).filter(({ reason }) => reason === 'StreamInterrupted')
  return events.reduce((sum, { count }) => sum + count, 0)
}

describe('one URL before the fleet', () => {
  test('plays contents on engines of their own, and a second viewer makes no second session (I3)', async () => {
    const watched = async (word: string) => ({ word, watcher: await watchContent(rig.url(), word) })
    viewers = [await watched('one'), await watched('one'), await watched('two')]
    await allGoOn()
    const players = [await playerOf('one'), await playerOf('two')]
    expect(players[0]?.containerId).not.toBe(players[1]?.containerId)
    for (const player of players) {
      const engine = await findEngine(rig.docker, player.containerId ?? '')
      expect((await engine.state()).sessions).toHaveLength(1)
    }
  })

  test('says when it has no room, and has some when others have left', async () => {
    const others = [await watchContent(rig.url(), 'three'), await watchContent(rig.url(), 'four')]
    const refused = await fetch(streamUrl(rig.url(), 'five'))
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('x-acefleet-reason')).toBe('capacity')
    for (const { response } of others) response.destroy()
    const fifth = await watchContent(rig.url(), 'five')
    fifth.response.destroy()
    await allGoOn()
  })
})

describe('viewers stay connected, with every jump announced, while', () => {
  test('one engine is killed and another one hangs', async () => {
    const [killed, hung] = [await playerOf('one'), await playerOf('two')]
    await rig.docker.getContainer(killed.containerId ?? '').kill()
    await rig.docker.getContainer(hung.containerId ?? '').pause()
    await movedFrom('one', killed)
    await movedFrom('two', hung)
    await rig.docker
      .getContainer(hung.containerId ?? '')
      .unpause()
      .catch(() => {})
    await allGoOn()
    await rig.converged(4)
  })

  test('an engine is drained, which ends as soon as its stream has moved (I5)', async () => {
    const before = await playerOf('one')
    const gaps = await interruptions()
    expect((await rig.post(`/v1/engines/${before.name}/drain`)).status).toBe(202)
    await movedFrom('one', before)
    await gone(before)
    await allGoOn()
    expect(await interruptions()).toBe(gaps)
    await rig.converged(4)
  })

  test('a VPN node is restarted with all engines behind it (I10)', async () => {
    const before = await playerOf('one')
    const letter = before.vpn === rig.nodeName('a') ? 'a' : 'b'
    await rig.nodes[letter]?.restart()
    await movedFrom('one', before)
    await allGoOn()
    await rig.converged(4)
  })

  test('a VPN goes down and comes back (I5, I9)', async () => {
    const before = await playerOf('two')
    const letter = before.vpn === rig.nodeName('a') ? 'a' : 'b'
    await rig.nodes[letter]?.setStatus('stopped')
    await movedFrom('two', before)
    await gone(before)
    await allGoOn()
    const port = 40_000 + letter.charCodeAt(0)
    const publicIp = `198.51.100.${letter.charCodeAt(0)}`
    await rig.nodes[letter]?.set({ status: 'running', publicIp, port })
    await rig.converged(4)
  })

  test('a VPN node is drained (I5)', async () => {
    const before = await playerOf('one')
    const gaps = await interruptions()
    expect((await rig.post(`/v1/vpns/${before.vpn}/drain`)).status).toBe(202)
    await rig.until('nothing is left there', async () => {
      return (await rig.engines()).every(({ vpn }) => vpn !== before.vpn)
    })
    await allGoOn()
    expect(await interruptions()).toBe(gaps)
    await rig.post(`/v1/vpns/${before.vpn}/uncordon`)
  })

  test('all engines are replaced by others, and then are made fewer (I5)', async () => {
    const before = await rig.engines()
    const gaps = await interruptions()
    await rig.edit(spec(4, { env: { ROLLED: 'yes' } }))
    for (const engine of before) await gone(engine)
    await allGoOn()
    await rig.edit(spec(3, { env: { ROLLED: 'yes' } }))
    await rig.converged(3)
    await allGoOn()
    expect(await interruptions()).toBe(gaps)
  })

  test('no drain had to wait for its timeout, and no promise was broken (I1, I2, I10, I11)', async () => {
    expect(await endedEarly()).toBe(0)
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})

describe('a stop', () => {
  test('lets viewers go on for a while, takes no new ones, and is over when they have left', async () => {
    rig.signal('SIGTERM')
    const url = rig.url()
    await rig.until('it is not ready', async () => (await fetch(`${url}/readyz`)).status === 503)
    const refused = await fetch(streamUrl(url, 'one'))
    expect([refused.status, refused.headers.get('x-acefleet-reason')]).toEqual([503, 'stopping'])
    const from = viewers.map(({ watcher }) => watcher.report().stamps)
    await rig.until('they get more', async () =>
      viewers.every(({ watcher }, n) => watcher.report().stamps > (from[n] ?? 0)),
    )
    for (const { watcher } of viewers) watcher.response.destroy()
    expect(await rig.ended()).toBe(0)
    expect(await store.sessions(rig.fleet, Date.now())).toEqual([])
  })

  test('ends viewers who stay when the time is over, and at once at a second signal', async () => {
    await rig.start()
    const url = rig.url()
    const stays = await watchContent(url, 'one')
    rig.signal('SIGTERM')
    expect(await rig.ended()).toBe(0)
    expect(await stays.ended).toBe('end')
    expect(await store.sessions(rig.fleet, Date.now())).toEqual([])
    await rig.start()
    const cut = await watchContent(rig.url(), 'one')
    rig.signal('SIGTERM')
    await rig.until('it stops', async () => (await fetch(`${rig.url()}/readyz`)).status === 503)
    rig.signal('SIGTERM')
    expect(await rig.ended()).toBe(143)
    await cut.ended
  })
})
