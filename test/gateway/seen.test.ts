import { expect, test, vi } from 'vitest'
import { readBytes } from '../harness/engine-in-process.ts'
import { hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Engines are looked after once a second, and what is told is told with a renewal, every 5 s.
vi.setConfig({ testTimeout: 60_000 })

const A = hashOf('a')

test('what a session tells of itself and its engine is there for every reader of the store', async () => {
  await using rig = await makeGatewayRig({ engines: 1, traits: { peers: 23 } })
  const url = `${rig.url}/ace/getstream?id=${A}`
  const viewers = [await open(url), await open(url)]
  for (const viewer of viewers) viewer.resume()
  const told = async () => (await rig.store.sessions('home', Date.now()))[0]
  await until('it is told', async () => (await told())?.stat !== undefined)
  const session = await told()
  expect(session).toMatchObject({ state: 'active', stat: { peers: 23 } })
  expect(session?.figures).toMatchObject({ viewers: 2, skippedBytes: 0 })
  expect(session?.figures?.bitsPerS).toBeGreaterThan(1_000_000)
  expect(session?.figures?.bufferedMs).toBeGreaterThan(0)
  const standing = rig.gateway.standing()
  expect(standing).toMatchObject({ streams: { own: 1, relayed: 0 }, viewers: 2 })
  const { fromEngines, toViewers } = standing.traffic
  expect(toViewers).toBeGreaterThan(fromEngines)
  for (const viewer of viewers) viewer.destroy()
  await until('they are gone', () => rig.gateway.standing().viewers === 0)
})

test('a session that waits for its first byte is told of as well', async () => {
  await using rig = await makeGatewayRig({ engines: 1, traits: { preloadMs: 7_000 } })
  const viewer = open(`${rig.url}/ace/getstream?id=${A}`)
  const told = async () => (await rig.store.sessions('home', Date.now()))[0]
  await until('it is told of', async () => (await told())?.figures !== undefined)
  expect(await told()).toMatchObject({ state: 'pending', figures: { viewers: 1, bufferedMs: 0 } })
  const playing = await viewer
  await readBytes(playing, 100_000)
  expect((await told())?.state).toBe('active')
  playing.destroy()
})

test('an engine whose figures hang plays on, and its place is renewed', async () => {
  await using rig = await makeGatewayRig({ engines: 1, traits: { stat: 'hangs' } })
  const viewer = await open(`${rig.url}/ace/getstream?id=${A}`)
  await readBytes(viewer, 300_000)
  const told = async () => (await rig.store.sessions('home', Date.now()))[0]
  const before = (await told())?.expiresAt ?? 0
  viewer.resume()
  await until('it is told of', async () => (await told())?.figures !== undefined)
  expect(await told()).toMatchObject({ stat: undefined, figures: { viewers: 1 } })
  await until('it is renewed', async () => ((await told())?.expiresAt ?? 0) > before + 5_000)
  expect(rig.news.map(({ kind }) => kind)).toEqual(['started'])
  viewer.destroy()
})
