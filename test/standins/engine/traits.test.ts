import { expect, test } from 'vitest'
import { defaultTraits, infohashOfId, makeTraits, parseTraits } from './traits.ts'

test('a trait of one content hides that of all, whichever was set first', () => {
  const traits = makeTraits({ bitrate: 8_000_000 })
  const one = infohashOfId('one')
  traits.change(parseTraits({ id: 'one', peers: 0 }))
  traits.change(parseTraits({ peers: 7, lagMs: 300 }))
  expect(traits.of(one)).toEqual({ ...defaultTraits, bitrate: 8_000_000, peers: 0, lagMs: 300 })
  expect(traits.of(infohashOfId('two')).peers).toBe(7)
  expect(traits.of()).toMatchObject({ peers: 7, bitrate: 8_000_000 })
})

test('a content is named by its id, or by its infohash in any case', () => {
  expect(parseTraits({ id: 'one' }).infohash).toBe(infohashOfId('one'))
  expect(parseTraits({ infohash: 'A1'.repeat(20) }).infohash).toBe('a1'.repeat(20))
  expect(parseTraits({}).infohash).toBeUndefined()
})

test.for([
  [[], 'expected an object'],
  [{ colour: 1 }, 'there is no trait colour'],
  [{ toString: 1 }, 'there is no trait toString'],
  [{ bitrate: 399_999 }, 'bitrate must be a whole number from 400000'],
  [{ keyframeMs: 1000 }, 'keyframeMs must be a multiple of 320'],
  [{ preloadMs: 1.5 }, 'preloadMs must be a whole number from 0 to 600000 or null'],
  [{ preload: '501' }, 'preload must be one of 500, waits, silent, got "501"'],
  [{ error: '' }, 'error must be a reason or null'],
  [{ peers: null }, 'peers must be a whole number'],
  [{ infohash: 'a1' }, 'an infohash of 40 hex digits'],
  [{ id: 'x', infohash: 'a1'.repeat(20) }, 'two contents'],
] as const)('%j is refused by name', ([traits, words]) => {
  expect(() => parseTraits(traits)).toThrow(words)
})
