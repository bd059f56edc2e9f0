import { expect, test, vi } from 'vitest'
import { checkStream } from '../harness/check-stream.ts'
import { readBytes } from '../harness/engine-in-process.ts'
import { fetchText, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// A place whose holder vanished lapses after 15 s.
vi.setConfig({ testTimeout: 120_000 })

const A = hashOf('a')
const traits = { bitrate: 8_000_000 }
const path = `/ace/getstream?id=${A}`
const settings = { graceMs: 200 }

test('any gateway serves a content that another one plays, from the same session', async () => {
  await using rig = await makeGatewayRig({ traits, settings })
  const [two, three] = [await rig.start('gateway-2'), await rig.start('gateway-3')]
  const viewers = await Promise.all(
    [rig.url, two.url, three.url, two.url].map((url) => open(url + path)),
  )
  expect(viewers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200])
  const streams = await Promise.all(viewers.map((viewer) => readBytes(viewer, 500_000)))
  for (const bytes of streams) expect(checkStream(bytes).problems).toEqual([])
  expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
  for (const viewer of viewers) viewer.destroy()
  await until('nobody holds a place', async () => {
    return (await rig.store.sessions('home', Date.now())).length === 0
  })
})

test('a viewer of a relay stays connected when the owner stops, and one of the others takes over', async () => {
  await using rig = await makeGatewayRig({ traits, settings })
  const owner = await rig.start('gateway-2')
  const third = await rig.start('gateway-3')
  const atOwner = await open(owner.url + path)
  await readBytes(atOwner, 200_000)
  const viewers = [await open(rig.url + path), await open(third.url + path)]
  const before = await Promise.all(viewers.map((viewer) => readBytes(viewer, 300_000)))
  await owner[Symbol.asyncDispose]()
  const after = await Promise.all(viewers.map((viewer) => readBytes(viewer, 1_200_000)))
  for (const [n, bytes] of before.entries()) {
    const whole = Buffer.concat([bytes, after[n] ?? Buffer.alloc(0)])
    expect(checkStream(whole, { jumps: 'signalled' }).problems).toEqual([])
  }
  const sessions = await rig.store.sessions('home', Date.now())
  expect(sessions).toHaveLength(1)
  expect(['gateway-1', 'gateway-3']).toContain(sessions[0]?.holder)
  for (const viewer of [...viewers, atOwner]) viewer.destroy()
})

test('an owner that still waits for its engine is waited for', async () => {
  const slow = { ...traits, preloadMs: 6_000, preload: 'waits' } as const
  await using rig = await makeGatewayRig({ traits: slow, settings })
  const owner = await rig.start('gateway-2')
  const both = [open(owner.url + path), open(rig.url + path)]
  const viewers = await Promise.all(both)
  expect(viewers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  const streams = await Promise.all(viewers.map((viewer) => readBytes(viewer, 300_000)))
  for (const bytes of streams) expect(checkStream(bytes).problems).toEqual([])
  expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
  for (const viewer of viewers) viewer.destroy()
})

test('an owner that vanishes is taken over by exactly one when its place has lapsed', async () => {
  await using rig = await makeGatewayRig({ engines: 3, traits, settings })
  const owner = await rig.start('gateway-2')
  const third = await rig.start('gateway-3')
  const atOwner = await open(owner.url + path)
  await readBytes(atOwner, 200_000)
  const viewers = [await open(rig.url + path), await open(third.url + path)]
  await Promise.all(viewers.map((viewer) => readBytes(viewer, 200_000)))
  atOwner.on('error', () => {})
  owner.vanish()
  await Promise.all(viewers.map((viewer) => readBytes(viewer, 1_500_000)))
  const sessions = await rig.store.sessions('home', Date.now())
  expect(sessions).toHaveLength(1)
  expect(['gateway-1', 'gateway-3']).toContain(sessions[0]?.holder)
  for (const viewer of viewers) viewer.destroy()
})

test('only a gateway of the same instance is relayed to, and nothing that is relayed itself', async () => {
  await using rig = await makeGatewayRig({ traits, settings })
  const viewer = await open(rig.url + path)
  await readBytes(viewer, 100_000)
  const [session] = await rig.store.sessions('home', Date.now())
  const relay = `${rig.url}/ace/relay/${session?.id}`
  expect((await fetchText(relay)).status).toBe(403)
  const forged = { headers: { 'x-acefleet-relay': `${Date.now()} ${'0'.repeat(64)}` } }
  expect((await fetchText(relay, forged)).status).toBe(403)
  viewer.destroy()
})
