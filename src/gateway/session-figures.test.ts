import { expect, it } from 'vitest'
import { makeFeed } from './fanout/feed.ts'
import { sessionFigures } from './session-figures.ts'
import type { SessionView } from './sessions.ts'
import { DEFAULT_GATEWAY } from './settings.ts'

function viewOf(feed: ReturnType<typeof makeFeed>, startedAt: number): SessionView {
  const session = { feed, skippedBytes: 5 } as SessionView['session']
  return { key: 'id:1', session, viewers: 3, startedAt }
}

it('tells how far back the oldest byte is that is kept', () => {
  const feed = makeFeed(DEFAULT_GATEWAY.buffer)
  expect(sessionFigures(viewOf(feed, 7), 1_000).bufferedMs).toBe(0)
  feed.push(Buffer.alloc(100_000, 'not a transport stream'), 2_000)
  expect(sessionFigures(viewOf(feed, 7), 12_000)).toEqual({
    ...{ viewers: 3, startedAt: 7, bufferedMs: 10_000, skippedBytes: 5 },
  })
})

it('tells nothing that could not be written, whatever clocks do', () => {
  const feed = makeFeed(DEFAULT_GATEWAY.buffer)
  feed.push(Buffer.alloc(100_000, 'not a transport stream'), 2_000)
  const figures = sessionFigures(viewOf(feed, -1), 1_000)
  expect(figures).toMatchObject({ startedAt: 0, bufferedMs: 0 })
})
