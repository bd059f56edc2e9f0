import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiFixture, makeApiFixture } from '../../test/harness/api-fixture.ts'

let fixture: ApiFixture

beforeEach(async () => {
  fixture = await makeApiFixture()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('events', () => {
  async function append(...messages: string[]) {
    for (const message of messages) {
      fixture.recorder.record({
        at: 1_000,
        fleet: 'demo',
        type: 'Normal',
        reason: 'EngineStarted',
        message,
      })
    }
    await fixture.recorder.flush()
  }

  it('answers JSON behind a sequence number, the newest so many', async () => {
    await append('a', 'b', 'c')
    const messages = async (query: string) =>
      (await fixture.get(`/v1/events${query}`)).body.items.map(
        (each: { message: string }) => each.message,
      )
    expect(await messages('')).toEqual(['a', 'b', 'c'])
    expect(await messages('?after=1')).toEqual(['b', 'c'])
    expect(await messages('?limit=1')).toEqual(['c'])
    expect(await messages('?fleet=other')).toEqual([])
    expect((await fixture.get('/v1/events?limit=1')).body.items[0].at).toBe(
      '1970-01-01T00:00:01.000Z',
    )
  })

  async function openStream(headers: Record<string, string> = {}, query = '') {
    const response = await fixture.app.request(`/v1/events${query}`, {
      headers: { Accept: 'text/event-stream', ...headers },
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (reader === undefined) throw new Error('no body')
    return { response, reader, read: async () => (await reader.read()).value ?? '' }
  }

  it('streams behind Last-Event-ID, each event once, then news', async () => {
    await append('a', 'b')
    const { response, reader, read } = await openStream({ 'Last-Event-ID': '1' })
    expect(response.headers.get('Content-Type')).toBe('text/event-stream')
    expect(await read()).toBe('retry: 2000\n\n')
    expect(await read()).toMatch(/^id: 2\ndata: .*"message":"b".*\n\n$/)
    const next = read()
    await append('c')
    expect(await next).toMatch(/^id: 3\ndata: .*"message":"c"/)
    await reader.cancel()
  })

  it('beats in silence, and ends when the server closes', async () => {
    const { read, reader } = await openStream()
    await read()
    const beat = read()
    await fixture.clock.advance(15_000)
    expect(await beat).toBe(': heartbeat\n\n')
    const end = reader.read()
    await fixture.clock.settle()
    fixture.closing.abort()
    expect(await end).toEqual({ done: true, value: undefined })
  })

  it('stops reading the store when the client goes', async () => {
    const { read, reader } = await openStream()
    await read()
    void read()
    await fixture.clock.advance(3_000)
    await reader.cancel()
    await fixture.clock.advance(1_000)
    let reads = 0
    const events = fixture.store.events
    fixture.store.events = (query) => {
      reads += 1
      return events(query)
    }
    await fixture.clock.advance(30_000)
    expect(reads).toBe(0)
  })

  it('refuses a Last-Event-ID that is none of its own', async () => {
    const { status: code } = await fixture.get('/v1/events', {
      Accept: 'text/event-stream',
      'Last-Event-ID': 'x',
    })
    expect(code).toBe(400)
  })
})
