import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { followEvents, readPicture } from './client.ts'
import { makeGuide } from './guide.ts'

async function serve(onRequest: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(onRequest).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const frame = (sequence: number, at = '2026-01-01T00:00:00.000Z') =>
  `id: ${sequence}\ndata: ${JSON.stringify({ sequence, at, message: 'line\nbreak' })}\n\n`

test('events cut anywhere by the network come whole, once each, and go on behind the last after a break', async () => {
  const asked: (string | undefined)[] = []
  await using server = await serve((request, response) => {
    asked.push(request.headers['last-event-id']?.toString())
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length > 1) return response.end(`: heartbeat\n\n${frame(3)}`)
    const text = `retry: 2000\n\n${frame(1)}${frame(2)}`
    response.write(text.slice(0, 40))
    return setTimeout(() => response.end(text.slice(40)), 20)
  })
  const stop = new AbortController()
  const seen: number[] = []
  for await (const { sequence } of followEvents(
    makeGuide(() => [server.url]),
    0,
    stop.signal,
  )) {
    seen.push(sequence)
    if (sequence === 3) stop.abort()
  }
  expect(seen).toEqual([1, 2, 3])
  expect(asked).toEqual(['0', '2'])
})

test('events from before this start are not told again', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200)
    response.end(frame(1, '2025-01-01T00:00:00.000Z') + frame(2, '2026-01-01T00:00:00.000Z'))
  })
  const stop = new AbortController()
  const since = Date.parse('2025-06-01')
  for await (const { sequence } of followEvents(
    makeGuide(() => [server.url]),
    since,
    stop.signal,
  )) {
    expect(sequence).toBe(2)
    stop.abort()
  }
})

test('events go on from another server when the first is given up, and each is told once', async () => {
  await using silent = await serve((_, response) => {
    response.writeHead(200)
    response.write(frame(1))
  })
  const asked: unknown[] = []
  await using other = await serve((request, response) => {
    asked.push(request.headers['last-event-id'])
    response.end(frame(2))
  })
  const guide = makeGuide(() => [silent.url, other.url])
  const stop = new AbortController()
  const seen: number[] = []
  for await (const { sequence } of followEvents(guide, 0, stop.signal)) {
    seen.push(sequence)
    if (sequence === 1) guide.turn()
    else stop.abort()
  }
  expect(seen).toEqual([1, 2])
  expect(asked).toEqual(['1'])
})

test('a server that does not answer, or answers nonsense, gives no picture', async () => {
  await using server = await serve((_, response) => response.end('<html>'))
  expect(await readPicture(server.url)).toBeUndefined()
  expect(await readPicture('http://127.0.0.1:1')).toBeUndefined()
})
