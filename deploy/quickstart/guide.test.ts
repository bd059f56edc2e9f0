import { expect, test } from 'vitest'
import { makeGuide } from './guide.ts'

test('who was asked first is asked again, until it does not answer', () => {
  const guide = makeGuide(() => ['a', 'b', 'c'])
  const asked = [guide.url(), guide.url()]
  const turned = guide.turned()
  guide.turn()
  asked.push(guide.url(), guide.url())
  expect(asked).toEqual(['a', 'a', 'b', 'b'])
  expect(turned.aborted).toBe(true)
  expect(guide.turned().aborted).toBe(false)
})

test('who has ended is not asked again, and behind the last comes the first', () => {
  let urls = ['a', 'b', 'c']
  const guide = makeGuide(() => urls)
  expect(guide.url()).toBe('a')
  urls = ['b', 'c']
  expect(guide.url()).toBe('b')
  guide.turn()
  guide.turn()
  expect(guide.url()).toBe('b')
})

test('while nobody is there, nobody is asked', () => {
  const guide = makeGuide(() => [])
  guide.turn()
  expect(guide.url()).toBe('')
})
