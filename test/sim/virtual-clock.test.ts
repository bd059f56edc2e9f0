import { describe, expect, it } from 'vitest'
import { makeRandom } from './random.ts'
import { makeVirtualClock } from './virtual-clock.ts'

describe('the virtual clock', () => {
  it('fires timers by due time, then by order of setting, with microtasks in between', async () => {
    const clock = makeVirtualClock()
    const seen: string[] = []
    const at = (name: string, ms: number) =>
      clock.timer(ms, () => {
        seen.push(`${name}@${clock.monotonic()}`)
        void Promise.resolve().then(() => seen.push(`after ${name}`))
      })
    at('c', 20)
    at('a', 10)
    at('b', 10)
    await clock.advance(30)
    expect(seen).toEqual(['a@10', 'after a', 'b@10', 'after b', 'c@20', 'after c'])
    expect(clock.monotonic()).toBe(30)
  })

  it('sleeps in virtual time, and stops sleeping when aborted', async () => {
    const clock = makeVirtualClock()
    const stop = new AbortController()
    const sleep = clock.sleep(1_000, stop.signal)
    const failure = expect(sleep).rejects.toThrow('enough')
    await clock.advance(500)
    stop.abort(new Error('enough'))
    await failure
    expect(clock.pending).toBe(0)
  })

  it('runs until a predicate holds, and says when it did not', async () => {
    const clock = makeVirtualClock()
    let isDone = false
    clock.timer(700, () => {
      isDone = true
    })
    expect(await clock.runUntil(() => isDone, 500)).toBe(false)
    expect(await clock.runUntil(() => isDone, 500)).toBe(true)
    expect(clock.monotonic()).toBe(700)
  })

  it('steps the wall clock alone', () => {
    const clock = makeVirtualClock(1_000)
    clock.stepWall(-400)
    expect([clock.now(), clock.monotonic()]).toEqual([600, 0])
  })

  it('calls a run that never lets time pass a livelock', async () => {
    const clock = makeVirtualClock()
    const again = () => void clock.timer(0, again)
    again()
    await expect(clock.advance(1)).rejects.toThrow('virtual time stands still')
  })

  it('holds a paused process back, and at resume gives it I/O before timers', async () => {
    const clock = makeVirtualClock()
    const process = clock.process('a')
    const seen: string[] = []
    process.clock.timer(10, () => seen.push('timer'))
    process.pause()
    await clock.advance(50)
    process.deliver(() => seen.push('answer'))
    process.resume()
    await clock.advance(0)
    expect(seen).toEqual(['answer', 'timer'])
  })

  it('never fires a timer of a killed process', async () => {
    const clock = makeVirtualClock()
    const process = clock.process('a')
    let hasFired = false
    process.clock.timer(10, () => {
      hasFired = true
    })
    process.kill()
    await clock.advance(50)
    expect(hasFired).toBe(false)
  })
})

describe('the seeded random', () => {
  it('gives each fork a stream of its own', () => {
    const draw = (label: string) => {
      const random = makeRandom(3).fork(label)
      return [random.next(), random.next(), random.next()]
    }
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })

  it('stays inside its bounds', () => {
    const random = makeRandom(9)
    const draws = Array.from({ length: 1_000 }, () => random.int(3, 5))
    expect(new Set(draws)).toEqual(new Set([3, 4, 5]))
  })
})
