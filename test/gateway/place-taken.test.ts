import { expect, test, vi } from 'vitest'
import { watchStream } from '../harness/watch-stream.ts'
import { fetchText, hashOf, makeGatewayRig, until } from './gateway-rig.ts'

// A place lapses after 15 s.
vi.setConfig({ testTimeout: 120_000 })

const [A, B] = [hashOf('a'), hashOf('b')]
const path = `/ace/getstream?id=${A}`
/** As 3.2.11: players of a content have one session, and the stop of one ends it for all. */
const traits = { bitrate: 8_000_000, second: 'shares', endsBy: 'freeze' } as const

test('a gateway that was cut off from the store leaves an engine to the one that has got its place, and reads from that one (I3)', async () => {
  await using rig = await makeGatewayRig({ engines: 1, traits })
  await using cutOff = await watchStream(rig.url + path, { jumps: 'signalled' })
  rig.setStore(true)
  const refused = await fetchText(`${rig.url}/ace/getstream?id=${B}`)
  expect([refused.status, refused.headers.get('x-acefleet-reason')]).toEqual([503, 'store'])
  expect(refused.headers.get('retry-after')).toBe('5')
  await until('its place has lapsed', async () => {
    return (await rig.store.sessions('home', Date.now())).length === 0
  })
  expect(cutOff.report()).toMatchObject({ problems: [], jumps: [] })
  const other = await rig.start('gateway-2')
  await using viewer = await watchStream(other.url + path)
  rig.setStore(false)
  await until('it reads from the other one', () => {
    const last = rig.news.at(-1)
    return last?.kind === 'moved' && last.source.name === 'relay of gateway-2'
  })
  for (const each of [viewer, cutOff]) {
    const from = each.report().stamps
    await until('bytes come', () => each.report().stamps > from + 500)
    expect(each.report().problems).toEqual([])
  }
  expect(viewer.report().nullPackets).toBe(0)
  expect(other.news.map(({ kind }) => kind)).toEqual(['started'])
})
