import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { makeBroadcast } from '../../test/harness/ts/broadcast.ts'
import { judge } from '../../test/harness/ts/judge.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { makeFeed } from './fanout/feed.ts'
import { Viewer } from './viewer.ts'

const IN_FLIGHT = 256 * 1024

/** A connection that takes as many bytes as it is told to. */
class Connection extends EventEmitter {
  writableLength = 0
  isDestroyed = false
  isEnded = false
  most = 0
  readonly got: Buffer[] = []
  #written = 0

  get socket() {
    return { bytesWritten: this.#written, writableLength: this.writableLength }
  }
  write(buffer: Buffer): boolean {
    this.got.push(buffer)
    this.#written += buffer.length
    this.writableLength += buffer.length
    this.most = Math.max(this.most, this.writableLength)
    return this.writableLength < 16_384
  }
  end(): void {
    this.isEnded = true
  }
  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
  take(bytes = Number.POSITIVE_INFINITY): void {
    this.writableLength = Math.max(0, this.writableLength - bytes)
    if (this.writableLength === 0) this.emit('drain')
  }
}

function world(slowViewer: 'skip' | 'cut' = 'skip') {
  const clock = makeVirtualClock()
  const buffer = { maxBytes: 400_000, maxAgeMs: 30_000 }
  const feed = makeFeed(buffer)
  const broadcast = makeBroadcast({ gop: 10, pictureBytes: 10_000 })
  const connection = new Connection()
  feed.push(broadcast.take(20), clock.monotonic())
  let written = 0
  let skipped = 0
  const viewer = new Viewer(
    connection as unknown as ServerResponse,
    { feed, cursor: feed.join(0, clock.monotonic()) },
    { slowViewer, stalledMs: 30_000, buffer },
    clock,
    {
      onWrite: (bytes) => {
        written += bytes
      },
      onSkip: (bytes) => {
        skipped += bytes
      },
    },
  )
  let end = ''
  void viewer.ended.then((how) => {
    end = how
  })
  return {
    ...{ clock, feed, viewer, connection },
    send: (frames: number) => void feed.push(broadcast.take(frames), clock.monotonic()),
    counts: () => ({ written, skipped }),
    how: async () => {
      await clock.settle()
      return end
    },
  }
}

describe('a viewer', () => {
  test('never has more in flight than its bound and one piece, however much there is', () => {
    const { viewer, connection, send } = world()
    viewer.pump()
    for (let n = 0; n < 25; n++) {
      send(3)
      viewer.pump()
      if (n % 3 === 0) connection.take(100_000)
    }
    expect(connection.most).toBeGreaterThan(IN_FLIGHT / 2)
    expect(connection.most).toBeLessThanOrEqual(IN_FLIGHT + 188 * 40)
  })

  test('that takes all gets all, without an error', () => {
    const { viewer, connection, send, counts } = world()
    for (let n = 0; n < 15; n++) {
      viewer.pump()
      connection.take()
      send(5)
    }
    const { problems } = judge(Buffer.concat(connection.got))
    expect(problems).toEqual([])
    expect(counts().skipped).toBe(0)
    expect(viewer.skippedBytes).toBe(0)
  })

  test('that falls out of what is kept skips to an entry, and sees that it did', () => {
    const { viewer, connection, send, counts } = world()
    viewer.pump()
    for (let n = 0; n < 15; n++) send(5)
    connection.take()
    viewer.pump()
    connection.take()
    expect(viewer.skippedBytes).toBeGreaterThan(0)
    expect(counts()).toEqual({
      skipped: viewer.skippedBytes,
      written: connection.got.reduce((sum, { length }) => sum + length, 0),
    })
    expect(judge(Buffer.concat(connection.got)).problems).toEqual([])
    expect(connection.isDestroyed).toBe(false)
  })

  test('that falls out of what is kept is cut, where that is wanted, and not as at a good end', async () => {
    const { viewer, connection, send, how } = world('cut')
    viewer.pump()
    for (let n = 0; n < 15; n++) send(5)
    connection.take()
    viewer.pump()
    expect(await how()).toBe('lagged')
    expect([connection.isDestroyed, connection.isEnded]).toEqual([true, false])
  })

  test('whose connection takes nothing is cut in time, and one that takes a little is not', async () => {
    const { viewer, connection, send, clock, how } = world()
    viewer.pump()
    for (let n = 0; n < 60; n++) {
      await clock.advance(1_000)
      send(1)
      connection.take(1)
      viewer.pump()
      viewer.look()
    }
    expect(await how()).toBe('')
    for (let n = 0; n < 29; n++) {
      await clock.advance(1_000)
      viewer.look()
    }
    expect(await how()).toBe('')
    for (let n = 0; n < 2; n++) {
      await clock.advance(1_000)
      viewer.look()
    }
    expect(await how()).toBe('stalled')
    expect(connection.isDestroyed).toBe(true)
  })

  test('is not cut because this process stood still', async () => {
    const { viewer, clock, how } = world()
    viewer.pump()
    viewer.look()
    await clock.advance(120_000)
    viewer.look()
    expect(await how()).toBe('')
  })

  test('for whom there is nothing is not cut', async () => {
    const { viewer, connection, clock, how } = world()
    viewer.pump()
    connection.take()
    for (let n = 0; n < 120; n++) {
      await clock.advance(1_000)
      viewer.look()
    }
    expect(await how()).toBe('')
  })

  test('gets all that is there before an end', async () => {
    const { viewer, connection, feed, clock, how } = world()
    feed.end(clock.monotonic())
    viewer.pump()
    while (connection.writableLength > 0) connection.take()
    expect(await how()).toBe('ended')
    expect(connection.isEnded).toBe(true)
  })

  test('that leaves is written no more', async () => {
    const { viewer, connection, send, how } = world()
    viewer.pump()
    connection.emit('close')
    const before = connection.got.length
    send(10)
    viewer.pump()
    expect(await how()).toBe('left')
    expect(connection.got).toHaveLength(before)
  })
})
