import { describe, expect, test } from 'vitest'
import { contentKey, parseContentKey, readContent } from './content.ts'

const HASH = '0123456789abcdef0123456789abcdef01234567'
const read = (query: string) => readContent(new URLSearchParams(query))

describe('the content that a request names', () => {
  test.each([
    [`id=${HASH}`, `id:${HASH}`],
    [`content_id=${HASH.toUpperCase()}`, `id:${HASH}`],
    [`infohash=${HASH}`, `infohash:${HASH}`],
  ])('%s is %s', (query, key) => {
    expect(contentKey(read(query).content)).toBe(key)
    expect(parseContentKey(key)).toEqual(read(query).content)
  })

  test('leaves all other parameters to the engine, in their order', () => {
    const { parameters } = read(`transcode_audio=1&id=${HASH}&_idx=2&x=&x=%20y`)
    expect(parameters).toEqual([
      ['transcode_audio', '1'],
      ['_idx', '2'],
      ['x', ''],
      ['x', ' y'],
    ])
  })

  test.each([
    ['', 'no content is named: add ?id= (or content_id) or ?infohash='],
    [`id=${HASH}&infohash=${HASH}`, 'id and infohash name more than one content'],
    [`id=${HASH}&id=${HASH}`, 'id and id name more than one content'],
    ['id=abc', 'id must be 40 hex digits, not "abc"'],
    ['infohash=', 'infohash must be 40 hex digits, not ""'],
    [`id=${HASH}&pid=7`, 'pid is not taken: all players of a content share one session'],
    ['magnet=m', 'magnet is not taken: name the content by id or infohash'],
  ])('"%s" is refused and says what would be right', (query, message) => {
    expect(() => read(query)).toThrow(message)
  })

  test.each(['', 'id:', `pid:${HASH}`, `id:${HASH}0`])('%j is no key of a content', (key) => {
    expect(parseContentKey(key)).toBeUndefined()
  })
})
