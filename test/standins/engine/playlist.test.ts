import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import { makeChannel } from './channel.ts'
import { readClip } from './clip.ts'
import { makeLoop } from './loop.ts'
import { makeSegments } from './playlist.ts'
import { defaultTraits, type Traits } from './traits.ts'

const infohash = 'a1'.repeat(20)
const channel = makeChannel(infohash, makeLoop(readClip(), 2_000_000, 1920))
const origin = 'http://engine:6878'
const nowMs = 1_800_000_000_000

const segmentsOf = (traits: Partial<Traits> = {}) =>
  makeSegments(infohash, channel, { ...defaultTraits, ...traits })
const linesOf = (traits?: Partial<Traits>, ms = nowMs) =>
  segmentsOf(traits).list(origin, ms).split('\n')
const numbersOf = (traits?: Partial<Traits>, ms = nowMs) =>
  linesOf(traits, ms)
    .filter((line) => line.endsWith('.ts'))
    .map((line) => Number(/(\d+)\.ts$/.exec(line)?.[1]))

test('a list is of version 3 and has 17 segments of 3.84 s, as measured on 3.2.3', () => {
  const lines = linesOf()
  const [first] = numbersOf()
  expect(lines.slice(0, 5)).toEqual([
    '#EXTM3U',
    '#EXT-X-VERSION:3',
    '#EXT-X-TARGETDURATION:4',
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
    '#EXTINF:3.840,',
  ])
  expect(numbersOf()).toEqual(Array.from({ length: 17 }, (_, n) => Number(first) + n))
})

test('segments are whole, begin with tables and a keyframe, and continue each other', () => {
  const segments = segmentsOf()
  const bytes = numbersOf()
    .slice(0, 3)
    .map((number) => segments.read(number, nowMs) ?? Buffer.alloc(0))
  for (const segment of bytes) expect(checkStream(segment)).toMatchObject({ keyframes: 2 })
  const { problems, keyframes } = checkStream(Buffer.concat(bytes))
  expect({ problems, keyframes }).toEqual({ problems: [], keyframes: 6 })
})

test('a list moves on by one segment after the time of one, and an engine that lags has an older one', () => {
  const [first = 0] = numbersOf()
  expect(numbersOf({}, nowMs + 3840)[0]).toBe(first + 1)
  expect(numbersOf({ lagMs: 3840 * 2 })[0]).toBe(first - 2)
})

test('what is to come and what is long past can not be read', () => {
  const segments = segmentsOf({ segments: 3 })
  const [first = 0] = numbersOf({ segments: 3 })
  const isThere = [-3, -2, 0, 2, 3].map((n) => segments.read(first + n, nowMs) !== undefined)
  expect(isThere).toEqual([false, true, true, true, false])
})

test.for([
  ['absolute', `${origin}/ace/c/${infohash}/`],
  ['rooted', `/ace/c/${infohash}/`],
  ['relative', `../../c/${infohash}/`],
] as const)('segments are named by %s URLs that lead to one place', ([segmentUrls, prefix]) => {
  const line = linesOf({ segmentUrls }).find((text) => text.endsWith('.ts')) ?? ''
  expect(line.startsWith(prefix)).toBe(true)
  const list = `${origin}/ace/m/${infohash}/key.m3u8`
  expect(new URL(line, list).href).toMatch(`${origin}/ace/c/${infohash}/`)
})
