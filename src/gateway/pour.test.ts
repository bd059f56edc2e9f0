import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { pour } from './pour.ts'
import type { Source } from './source.ts'

/** A source that is poured in a process of its own. */
function world(change: Partial<Source> = {}) {
  const time = makeVirtualClock()
  const process = time.process('gateway')
  const body = new PassThrough()
  const lost = new AbortController()
  const stop = new AbortController()
  const taken: string[] = []
  let isUsable = true
  const source: Source = {
    ...{ name: '0', endpoint: undefined, reservationId: 'r', infohash: undefined },
    ...{ fleet: undefined, body, lost: lost.signal },
    mayRead: () => true,
    assertHeld: async () => {},
    noteBytes: () => {},
    stat: async () => undefined,
    noteStat: () => {},
    [Symbol.asyncDispose]: async () => {},
    ...change,
  }
  const poured = () =>
    pour(source, {
      clock: process.clock,
      silenceMs: 15_000,
      signal: stop.signal,
      take: (chunk) => {
        taken.push(`${chunk}`)
        return isUsable
      },
    })
  return {
    ...{ time, process, body, lost, stop, taken, poured },
    spoil: () => {
      isUsable = false
    },
  }
}

describe('a source that is poured', () => {
  test('is handed on as it comes, until it ends', async () => {
    const { time, body, taken, poured } = world()
    const end = poured()
    body.write('a')
    await time.settle()
    body.end('b')
    expect(await end).toMatchObject({ kind: 'ended' })
    expect(taken).toEqual(['a', 'b'])
  })

  test.each([
    ['fails', 'failed', 'reset', ({ body }) => body.destroy(new Error('reset'))],
    ['is closed', 'failed', 'closed', ({ body }) => body.destroy()],
    ['loses its place', 'lost', 'full', ({ lost }) => lost.abort(new Error('full'))],
    ['is not wanted', 'stopped', '', ({ stop }) => stop.abort()],
  ] as const satisfies readonly (readonly [
    string,
    string,
    string,
    (on: ReturnType<typeof world>) => void,
  ])[])('that %s ends as %s, be it before it is read', async (_what, kind, message, happen) => {
    const later = world()
    const end = later.poured()
    await later.time.settle()
    happen(later)
    expect(await end).toMatchObject({ kind, message: expect.stringContaining(message) })

    const before = world()
    before.body.on('error', () => {})
    happen(before)
    await before.time.settle()
    expect(await before.poured()).toMatchObject({ kind })
  })

  test('is silent after its time without a byte, and each byte counts', async () => {
    const { time, body, poured } = world()
    let kind = ''
    void poured().then((end) => {
      kind = end.kind
    })
    for (let n = 0; n < 10; n++) {
      await time.advance(11_000)
      body.write('x')
    }
    expect(kind).toBe('')
    await time.advance(19_000)
    expect(kind).toBe('silent')
  })

  test('is not silent for a pause of this process: what waits in the socket is read first', async () => {
    const { time, process, body, taken, poured } = world()
    let kind = ''
    void poured().then((end) => {
      kind = end.kind
    })
    process.pause()
    await time.advance(60_000)
    process.resume('timers')
    body.write('x')
    await time.advance(1_000)
    expect([kind, taken]).toEqual(['', ['x']])
  })

  test('is asked for anew before a byte is handed on, once its place may be gone (I3)', async () => {
    const asked = Promise.withResolvers<void>()
    let mayRead = false
    const { time, body, taken, poured } = world({
      mayRead: () => mayRead,
      assertHeld: () => asked.promise,
    })
    void poured()
    body.write('a')
    await time.advance(60_000)
    body.write('b')
    await time.settle()
    expect(taken).toEqual([])
    mayRead = true
    asked.resolve()
    await time.settle()
    expect(taken).toEqual(['a', 'b'])
  })

  test('whose place is gone hands nothing on (I3)', async () => {
    const { body, taken, poured } = world({
      mayRead: () => false,
      assertHeld: async () => Promise.reject(new Error('full')),
    })
    body.write('a')
    expect(await poured()).toEqual({ kind: 'lost', message: 'full' })
    expect(taken).toEqual([])
  })

  test('that is left while its place is asked for hands nothing on afterwards', async () => {
    const asked = Promise.withResolvers<void>()
    const { time, body, stop, taken, poured } = world({
      mayRead: () => false,
      assertHeld: () => asked.promise,
    })
    const end = poured()
    body.write('a')
    await time.settle()
    stop.abort()
    expect(await end).toMatchObject({ kind: 'stopped' })
    asked.resolve()
    await time.settle()
    expect(taken).toEqual([])
  })

  test('of which nothing can be made is left', async () => {
    const { body, spoil, poured } = world()
    spoil()
    body.write('a')
    expect(await poured()).toMatchObject({ kind: 'unusable' })
  })
})
