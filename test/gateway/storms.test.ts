import { describe, expect, test, vi } from 'vitest'
import { readBytes } from '../harness/engine-in-process.ts'
import { type GatewayRig, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Streams play in real time.
vi.setConfig({ testTimeout: 120_000 })

interface Asked {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly ms: number
}

/** One viewer who watches until the storm is over: from its request to its first bytes, or its refusal. */
async function watch(rig: GatewayRig, name: string, over: Promise<unknown>): Promise<Asked> {
  const begunAt = performance.now()
  const viewer = await open(`${rig.url}/ace/getstream?id=${hashOf(name)}`)
  const { statusCode: status = 0, headers } = viewer
  if (status === 200) await readBytes(viewer, 188)
  void over.then(() => viewer.destroy())
  return { status, retryAfter: headers['retry-after'], ms: performance.now() - begunAt }
}

/** Looks at the store and at the engines as fast as it can; the most that was ever seen on one engine of each. */
function watchLoad(rig: GatewayRig) {
  const most = { reserved: 0, played: 0 }
  let isOver = false
  const look = async () => {
    const sessions = await rig.store.sessions('home', Date.now())
    const byEngine = Object.values(Object.groupBy(sessions, ({ containerId }) => containerId))
    most.reserved = Math.max(most.reserved, ...byEngine.map((all) => all?.length ?? 0))
    for (const engine of rig.engines) {
      const state = await engine.state()
      most.played = Math.max(most.played, state.sessions.length)
    }
  }
  const looking = (async () => {
    while (!isOver) await look()
  })()
  return async () => {
    isOver = true
    await looking
    return most
  }
}

async function storm(rig: GatewayRig, names: readonly string[]) {
  const stopWatching = watchLoad(rig)
  const over = Promise.withResolvers<void>()
  const answers = await Promise.all(names.map((name) => watch(rig, name, over.promise)))
  const most = await stopWatching()
  over.resolve()
  return { answers, most }
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

describe('a storm of requests', () => {
  test('of 6 contents on 2 engines with one place each fills both once, and refuses 4 clearly (I3)', async () => {
    await using rig = await makeGatewayRig({ engines: 2, maxStreams: 1 })
    const { answers, most } = await storm(rig, ['a', 'b', 'c', 'd', 'e', 'f'])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    const refused = answers.filter(({ status }) => status === 503)
    expect(refused).toHaveLength(4)
    expect(refused.every(({ retryAfter }) => /^\d+$/.test(retryAfter ?? ''))).toBe(true)
    expect(most).toMatchObject({ reserved: 1, played: 1 })
    for (const engine of rig.engines) {
      const { counters } = await engine.state()
      expect([counters.opened, counters.superseded]).toEqual([1, 0])
    }
  })

  test('of 63 selections on 17 engines with two places each never puts a third on one (I3), and dead channels delay nobody', async () => {
    // 30 channels for 34 places, most asked for twice; 3 of them are dead, by a time-out that others must not feel.
    const names = Array.from({ length: 63 }, (_, n) => `live${n % 27}`)
    const settings = { startTimeoutMs: 8_000, graceMs: 100 }
    const calm = await (async () => {
      await using rig = await makeGatewayRig({ engines: 17, maxStreams: 2, settings })
      return await storm(rig, names)
    })()
    await using rig = await makeGatewayRig({ engines: 17, maxStreams: 2, settings })
    const dead = ['dead0', 'dead1', 'dead2']
    for (const engine of rig.engines) {
      for (const name of dead) await engine.setTraits({ id: hashOf(name), preloadMs: null })
    }
    const over = Promise.withResolvers<void>()
    const waiting = dead.map((name) => watch(rig, name, over.promise))
    await until('dead channels are being tried', async () => {
      return (await rig.store.sessions('home', Date.now())).length === dead.length
    })
    const wild = await storm(rig, names)
    for (const { answers, most } of [calm, wild]) {
      expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200))
      expect(most.reserved).toBeLessThanOrEqual(2)
      expect(most.played).toBeLessThanOrEqual(2)
    }
    const times = (answers: readonly Asked[]) => answers.map(({ ms }) => ms)
    const slower = median(times(wild.answers)) / median(times(calm.answers))
    expect(slower).toBeLessThan(3)
    const slowest = Math.max(...times(calm.answers))
    expect(Math.max(...times(wild.answers))).toBeLessThan(settings.startTimeoutMs + slowest)
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(502)
    over.resolve()
    await until('all places are free', async () => {
      return (await rig.store.sessions('home', Date.now())).length === 0
    })
  })
})
