import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiFixture, makeApiFixture } from '../../test/harness/api-fixture.ts'
import { type Listener, ListenFailed, listen } from './listener.ts'

let fixture: ApiFixture
let listener: Listener

beforeEach(async () => {
  fixture = await makeApiFixture()
  listener = await listen(fixture.app, { host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  fixture.closing.abort()
  await listener[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
})

/** Counts reads of events from now on. */
function countReads(): () => number {
  let reads = 0
  const { events } = fixture.store
  fixture.store.events = (query) => {
    reads += 1
    return events(query)
  }
  return () => reads
}

/** Moves the server's time on while real sockets deliver. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) {
    await fixture.clock.advance(500)
    await wait(2)
  }
}

describe('the listener', () => {
  it('says where it listens, and answers there', async () => {
    expect(listener.url).toBe(`http://127.0.0.1:${listener.port}`)
    const response = await fetch(`${listener.url}/healthz`)
    expect(await response.json()).toEqual({ status: 'ok' })
  })

  it('names the port and the way out when the port is taken', async () => {
    const second = listen(fixture.app, { host: '127.0.0.1', port: listener.port })
    await expect(second).rejects.toThrow(ListenFailed)
    await expect(second).rejects.toThrow(
      `127.0.0.1:${listener.port} is taken by another process (another acefleet?): stop it, or ` +
        'choose another with --listen HOST:PORT (ACEFLEET_LISTEN)',
    )
  })

  it('names an address that is not of this machine', async () => {
    const foreign = listen(fixture.app, { host: '203.0.113.9', port: 0 })
    await expect(foreign).rejects.toThrow('203.0.113.9 is no address of this machine')
  })

  it('sends the head of an event stream at once, and lets go of a client that left', async () => {
    const abort = new AbortController()
    const headers = { Accept: 'text/event-stream' }
    const response = await fetch(`${listener.url}/v1/events`, { headers, signal: abort.signal })
    expect(response.headers.get('Content-Type')).toBe('text/event-stream')
    const reads = countReads()
    await pass(3_000)
    expect(reads()).toBeGreaterThan(0)
    abort.abort()
    await wait(50)
    await pass(3_000)
    const readsWhenGone = reads()
    await pass(30_000)
    expect(reads()).toBe(readsWhenGone)
  })

  it('starts no stream for a HEAD request', async () => {
    const reads = countReads()
    const headers = { Accept: 'text/event-stream' }
    const response = await fetch(`${listener.url}/v1/events`, { method: 'HEAD', headers })
    expect(response.status).toBe(200)
    await pass(5_000)
    expect(reads()).toBe(0)
  })

  it('closes though an event stream is open', async () => {
    const headers = { Accept: 'text/event-stream' }
    const response = await fetch(`${listener.url}/v1/events`, { headers })
    const text = response.text()
    fixture.closing.abort()
    await listener[Symbol.asyncDispose]()
    expect(await text).toContain('retry: 2000')
    await expect(fetch(`${listener.url}/healthz`)).rejects.toThrow()
  })
})
