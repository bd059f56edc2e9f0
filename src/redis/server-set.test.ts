import { expect, it } from 'vitest'
import { hashServerSet } from './server-set.ts'

const SET = ['redis://a', 'redis://b:6380/2', 'rediss://c']

it.each([
  ['order', ['rediss://c', 'redis://a', 'redis://b:6380/2']],
  ['default ports and databases', ['redis://a:6379/0', SET[1], SET[2]]],
  ['case', ['redis://A', SET[1], SET[2]]],
  ['credentials', ['redis://me:secret@a', SET[1], 'rediss://:other@c?ca=ca.pem']],
])('is the same whatever the %s', (_, urls) => {
  expect(hashServerSet(urls as string[])).toBe(hashServerSet(SET))
})

it.each([
  ['a host', ['redis://x', SET[1], SET[2]]],
  ['a port', ['redis://a:6378', SET[1], SET[2]]],
  ['a database', ['redis://a/1', SET[1], SET[2]]],
  ['their number', ['redis://a']],
  ['a master', ['redis+sentinel://a,b/one']],
])('is another one with %s', (_, urls) => {
  expect(hashServerSet(urls as string[])).not.toBe(hashServerSet(SET))
})

it('tells masters of one set of sentinels apart, in whatever order these are named', () => {
  const hashes = ['a,b/one', 'b,a:26379/one', 'a,b/two', 'a,b/one/1'].map((set) =>
    hashServerSet([`redis+sentinel://${set}`]),
  )
  expect(hashes[1]).toBe(hashes[0])
  expect(new Set(hashes).size).toBe(3)
})
