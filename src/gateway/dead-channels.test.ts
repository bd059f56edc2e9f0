import { expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { makeDeadChannels } from './dead-channels.ts'
import { StreamRefused } from './refusal.ts'

const refusal = new StreamRefused('unknown', 'nobody has it')

test('a channel that would not start is remembered for a while, and longer when it fails again', async () => {
  const clock = makeVirtualClock()
  const dead = makeDeadChannels(clock, 30_000)
  dead.note('a', refusal)
  await clock.advance(20_000)
  expect([dead.find('a'), dead.find('b')]).toEqual([refusal, undefined])
  dead.note('a', refusal)
  await clock.advance(20_000)
  expect(dead.find('a')).toBe(refusal)
  await clock.advance(10_000)
  expect(dead.find('a')).toBeUndefined()
})

test('a channel can be forgotten', () => {
  const dead = makeDeadChannels(makeVirtualClock(), 30_000)
  dead.note('a', refusal)
  dead.forget('a')
  expect(dead.find('a')).toBeUndefined()
})

test('of however many wrong ids, the last thousand are remembered', () => {
  const dead = makeDeadChannels(makeVirtualClock(), 30_000)
  for (let n = 0; n < 5_000; n++) dead.note(`${n}`, refusal)
  const kept = Array.from({ length: 5_000 }, (_, n) => dead.find(`${n}`)).filter(Boolean)
  expect(kept).toHaveLength(1_000)
  expect(dead.find('4999')).toBe(refusal)
})
