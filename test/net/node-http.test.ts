import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HttpFailed, MAX_BODY_BYTES } from '../../src/net/http.ts'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { systemClock } from '../../src/time/clock.ts'

/** What a server does with a connection. */
type Behaviour = (socket: Socket, connection: number) => void

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const resource of open.splice(0)) await resource[Symbol.asyncDispose]()
})

/** A raw server, because the misbehaviour meant here is below HTTP. */
async function serve(behaviour: Behaviour) {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    behaviour(socket, ++connections)
    // A socket that nobody reads never learns of its end.
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`,
    sockets,
    connections: () => connections,
  }
}

function client() {
  const http = openNodeHttp(systemClock)
  open.push({ [Symbol.asyncDispose]: async () => http[Symbol.dispose]() })
  return http.get
}

const whole = (body: string, head = '') =>
  `HTTP/1.1 200 OK\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const answering =
  (text: string): Behaviour =>
  (socket) =>
    socket.on('data', () => socket.write(text))

const never = new AbortController().signal
const call = { timeoutMs: 10_000, signal: never }

async function failureOf(answer: Promise<unknown>): Promise<string> {
  const error: unknown = await answer.then(
    () => 'no failure',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HttpFailed)
  return error instanceof HttpFailed ? error.failure : String(error)
}

describe('a GET', () => {
  test('gives status and text, whatever the content type', async () => {
    const { url } = await serve(answering(whole('{"port":1}', 'Content-Type: text/plain\r\n')))
    expect(await client()(url, call)).toEqual({
      status: 200,
      location: undefined,
      body: '{"port":1}',
    })
  })

  test('reads a body that only the end of an HTTP/1.0 connection ends', async () => {
    const { url } = await serve((socket) =>
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n{"result":{}}')),
    )
    expect(await client()(url, call)).toMatchObject({ status: 200, body: '{"result":{}}' })
  })

  test('reports a redirect and does not follow it', async () => {
    const { url, connections } = await serve(
      answering('HTTP/1.1 301 Moved\r\nLocation: /v1/portforward\r\nContent-Length: 0\r\n\r\n'),
    )
    expect(await client()(url, call)).toMatchObject({ status: 301, location: '/v1/portforward' })
    expect(connections()).toBe(1)
  })

  test('calls silence after accept a timeout, and leaves no connection behind', async () => {
    const { url, sockets } = await serve(() => {})
    expect(await failureOf(client()(url, { ...call, timeoutMs: 50 }))).toBe('timeout')
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('counts a body that trickles in against the same timeout', async () => {
    const { url } = await serve((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n'))
      const drip = setInterval(() => socket.write('x'), 10)
      socket.on('close', () => clearInterval(drip))
    })
    expect(await failureOf(client()(url, { ...call, timeoutMs: 100 }))).toBe('timeout')
  })

  test('stops reading a body without end', async () => {
    const { url, sockets } = await serve((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`
        const pour = () => {
          while (!socket.destroyed && socket.write(chunk)) {}
        }
        socket.on('drain', pour)
        pour()
      })
    })
    expect(await failureOf(client()(url, call))).toBe('garbage')
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('reads a body of just the limit', async () => {
    const { url } = await serve(answering(whole('x'.repeat(MAX_BODY_BYTES))))
    expect((await client()(url, call)).body).toHaveLength(MAX_BODY_BYTES)
  })

  test.each([
    ['a reset before any answer', 'reset', (socket: Socket) => socket.resetAndDestroy()],
    ['a close before any answer', 'reset', (socket: Socket) => socket.end()],
    [
      'a reset in the middle of the body',
      'reset',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf', () =>
          socket.resetAndDestroy(),
        )
      },
    ],
    [
      'a close in the middle of the body',
      'reset',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf'),
    ],
    ['what is no HTTP', 'garbage', (socket: Socket) => socket.end('HELLOTS version=3\r\n')],
    [
      'an upgrade nobody asked for',
      'reset',
      (socket: Socket) =>
        socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
  ])('tells %s', async (_, failure, misbehave) => {
    const { url } = await serve((socket) => socket.once('data', () => misbehave(socket)))
    expect(await failureOf(client()(url, call))).toBe(failure)
  })

  test('tells a refused connection from one that we could not make', async () => {
    const { url } = await serve(() => {})
    for (const resource of open.splice(0)) await resource[Symbol.asyncDispose]()
    expect(await failureOf(client()(url, call))).toBe('refused')
    expect(await failureOf(client()('http://no-such-host.invalid/', call))).toBe('ours')
    expect(await failureOf(client()('not an address', call))).toBe('ours')
    expect(await failureOf(client()('ftp://127.0.0.1/', call))).toBe('ours')
  })

  test('never shows a header value that can not be sent', async () => {
    const { url } = await serve(() => {})
    const answer = client()(url, { ...call, headers: { 'x-api-key': 's3cret\nx' } })
    await expect(answer).rejects.not.toThrow(/s3cret/)
    expect(await failureOf(answer)).toBe('ours')
  })

  test('ends at once when aborted, before and during the request', async () => {
    const { url, sockets } = await serve(() => {})
    const get = client()
    expect(await failureOf(get(url, { ...call, signal: AbortSignal.abort() }))).toBe('aborted')
    const aborter = new AbortController()
    const answer = get(url, { ...call, signal: aborter.signal })
    await expect.poll(() => sockets.size).toBe(1)
    aborter.abort()
    expect(await failureOf(answer)).toBe('aborted')
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('uses one connection again, and a new one when a fresh one is wanted', async () => {
    const { url, connections } = await serve(answering(whole('ok')))
    const get = client()
    for (let i = 0; i < 3; i += 1) await get(url, call)
    expect(connections()).toBe(1)
    await get(url, { ...call, fresh: true })
    expect(connections()).toBe(2)
  })

  test('asks again when the server drops a kept connection just then', async () => {
    const { url, connections } = await serve((socket, connection) => {
      let requests = 0
      socket.on('data', () => {
        requests += 1
        if (connection === 1 && requests === 2) socket.resetAndDestroy()
        else socket.write(whole('ok'))
      })
    })
    const get = client()
    await get(url, call)
    expect(await get(url, call)).toMatchObject({ body: 'ok' })
    expect(connections()).toBe(2)
  })

  test('blames a timeout that fires late on this process, for the answer may lie unread', async () => {
    const { url } = await serve(() => {})
    let monotonic = 0
    const clock = {
      ...systemClock,
      monotonic: () => monotonic,
      timer: (ms: number, fire: () => void) =>
        systemClock.timer(ms, () => {
          monotonic += 20_000
          fire()
        }),
    }
    const http = openNodeHttp(clock)
    open.push({ [Symbol.asyncDispose]: async () => http[Symbol.dispose]() })
    expect(await failureOf(http.get(url, { ...call, timeoutMs: 20 }))).toBe('ours')
  })
})

describe('a PUT', () => {
  function putter() {
    const http = openNodeHttp(systemClock)
    open.push({ [Symbol.asyncDispose]: async () => http[Symbol.dispose]() })
    return http
  }

  test('carries its text and its headers over a connection of its own', async () => {
    const heard: string[] = []
    const { url, connections } = await serve((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString())
        // Head and text come in one piece or in two.
        if (heard.join('').endsWith('ö"}') || chunk.toString().startsWith('GET'))
          socket.write(whole('{"outcome":"stopped"}'))
      })
    })
    const { get, put } = putter()
    await get(url, call)
    heard.length = 0
    const headers = { 'x-api-key': 'k3y' }
    const answer = await put(url, '{"status":"ö"}', { ...call, headers })
    expect(answer).toMatchObject({ status: 200, body: '{"outcome":"stopped"}' })
    const text = heard.join('')
    expect(text).toMatch(/^PUT \/x HTTP\/1.1\r\n/)
    expect(text.toLowerCase()).toContain('content-length: 15\r\n')
    expect(text).toContain('x-api-key: k3y\r\n')
    expect(connections()).toBe(2)
  })

  test('is sent once, whatever becomes of it', async () => {
    const { url, connections } = await serve((socket) => socket.on('data', () => socket.destroy()))
    expect(await failureOf(putter().put(url, '{}', call))).toBe('reset')
    expect(connections()).toBe(1)
  })

  test('follows no redirect, and tells that nobody listens', async () => {
    const moved = 'HTTP/1.1 308 Permanent Redirect\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n'
    const { url, connections } = await serve(answering(moved))
    const { put } = putter()
    expect(await put(url, '{}', call)).toMatchObject({ status: 308, location: '/y' })
    expect(connections()).toBe(1)
    const nobody = net.createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const { port } = nobody.address() as AddressInfo
    nobody.close()
    await once(nobody, 'close')
    expect(await failureOf(put(`http://127.0.0.1:${port}/`, '{}', call))).toBe('refused')
  })
})
