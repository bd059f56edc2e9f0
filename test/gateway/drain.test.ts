import { expect, test, vi } from 'vitest'
import { type Watcher, watchStream } from '../harness/watch-stream.ts'
import { fetchText, hashOf, makeGatewayRig, until } from './gateway-rig.ts'

vi.setConfig({ testTimeout: 60_000 })

const [A, B] = [hashOf('a'), hashOf('b')]
const traits = { bitrate: 8_000_000 }
const path = (id: string) => `/ace/getstream?id=${id}`
const watch = (url: string) => watchStream(url + path(A), { jumps: 'signalled' })

async function moreStamps(watcher: Watcher): Promise<void> {
  const from = watcher.report().stamps
  await until('bytes come', () => watcher.report().stamps > from + 500)
}

test('a gateway that stops refuses new viewers with a time to come back, and those who are there go on', async () => {
  await using rig = await makeGatewayRig({ traits, settings: { drainMs: 60_000 } })
  await using viewer = await watch(rig.url)
  await moreStamps(viewer)
  const stopped = rig.stop()
  for (const method of ['GET', 'HEAD'])
    for (const id of [A, B]) {
      const refused = await fetchText(rig.url + path(id), { method })
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('1')
      expect(refused.headers.get('x-acefleet-reason')).toBe('stopping')
    }
  await moreStamps(viewer)
  expect(viewer.report()).toMatchObject({ problems: [], jumps: [] })
  viewer.response.destroy()
  // It outlives its last viewer by no grace: nobody can come back.
  await stopped
  expect(await rig.store.sessions('home', Date.now())).toEqual([])
})

test('players of HLS go on as well, and new ones are refused', async () => {
  await using rig = await makeGatewayRig({
    traits: { bitrate: 8_000_000 },
    settings: { drainMs: 60_000 },
  })
  const list = `${rig.url}/ace/manifest.m3u8?id=${A}`
  const as = (player: string, method = 'GET') =>
    fetchText(list, { method, headers: { 'user-agent': player } })
  const before = await as('old')
  expect(before.status).toBe(200)
  const stopped = rig.stop()
  for (const method of ['GET', 'HEAD']) expect((await as('new', method)).status).toBe(503)
  await until('the list goes on', async () => {
    const { status, body } = await as('old')
    expect(status).toBe(200)
    return body !== before.body
  })
  const [segment = ''] = before.body.split('\n').filter((line) => line.endsWith('.ts'))
  const bytes = await fetchText(new URL(segment, list).href, { headers: { 'user-agent': 'old' } })
  expect(bytes.status).toBe(200)
  await rig[Symbol.asyncDispose]()
  await stopped
})

test('viewers who stay are ended in good order when their time is over, and the engine is given back', async () => {
  await using rig = await makeGatewayRig({ traits, settings: { drainMs: 500 } })
  await using viewer = await watch(rig.url)
  await moreStamps(viewer)
  await rig.stop()
  expect(await viewer.ended).toBe('end')
  expect(await rig.store.sessions('home', Date.now())).toEqual([])
})

test('what others read from a gateway that stops is theirs at once, and its own viewers read it from them', async () => {
  await using rig = await makeGatewayRig({ traits, settings: { drainMs: 60_000, graceMs: 200 } })
  const other = await rig.start('gateway-2')
  await using atOwner = await watch(rig.url)
  await moreStamps(atOwner)
  await using atOther = await watch(other.url)
  await moreStamps(atOther)
  const stopped = rig.stop()
  await until('the other one has it', async () => {
    const sessions = await rig.store.sessions('home', Date.now())
    return sessions.length === 1 && sessions[0]?.holder === 'gateway-2'
  })
  await until('its own viewer is back', () => {
    const last = rig.news.at(-1)
    return last?.kind === 'moved' && last.source.name === 'relay of gateway-2'
  })
  for (const viewer of [atOwner, atOther]) {
    await moreStamps(viewer)
    expect(viewer.report()).toMatchObject({ problems: [] })
  }
  expect(await rig.store.sessions('home', Date.now())).toHaveLength(1)
  atOwner.response.destroy()
  await stopped
})
