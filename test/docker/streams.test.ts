import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DockerError } from '../../src/docker/errors.ts'
import type { ContainerId, DockerEvent } from '../../src/docker/port.ts'
import type { Clock } from '../../src/time/clock.ts'
import { heldLease, until } from '../conformance/docker-bench.ts'
import { type BrokenDaemon, json, makeFastClock, startBrokenDaemon } from './broken-daemon.ts'

const calm = new AbortController().signal
const ID = 'a'.repeat(64) as ContainerId

let daemon: BrokenDaemon
beforeEach(async () => {
  daemon = await startBrokenDaemon()
})
afterEach(async () => {
  await daemon[Symbol.asyncDispose]()
})

describe('events', () => {
  const eventLine = (name: string, at = 1_700_000_000_123) =>
    `${JSON.stringify({
      Type: 'container',
      Action: 'die',
      Actor: { ID, Attributes: { name, image: 'engine', exitCode: '1', 'acefleet.fleet': 'home' } },
      time: Math.floor(at / 1000),
      timeNano: at * 1e6 + 456_789,
    })}\n`

  /** What each connection, in turn, gets; further ones get silence. */
  function serve(...connections: ((response: ServerResponse) => unknown)[]): void {
    let served = 0
    daemon.answer = (request, response) => {
      if (!request.url?.includes('/events')) return json(response, 200, 'OK')
      response.writeHead(200)
      response.flushHeaders()
      connections[served++]?.(response)
    }
  }

  async function collect(isEnough: (seen: readonly string[]) => boolean, clock?: Clock) {
    const end = new AbortController()
    const seen: string[] = []
    const events: DockerEvent[] = []
    const reading = (async () => {
      for await (const event of daemon.connect(clock).events(end.signal)) {
        seen.push(event === 'connected' ? event : event.name)
        if (event !== 'connected') events.push(event)
      }
    })()
    await until(() => isEnough(seen), `enough events, seen ${seen}`)
    end.abort()
    await reading
    return { seen, events }
  }

  it('come whole, however the stream is cut into chunks', async () => {
    const bytes = Buffer.from(['ä', 'b', 'c'].map((name) => eventLine(name)).join(''))
    const umlaut = bytes.indexOf('ä') + 1
    serve(async (response) => {
      for (const part of [bytes.subarray(0, umlaut), bytes.subarray(umlaut)]) {
        response.write(part)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    })
    const { seen, events } = await collect(({ length }) => length === 4)
    expect(seen).toEqual(['connected', 'ä', 'b', 'c'])
    expect(events[0]).toEqual({
      action: 'die',
      id: ID,
      name: 'ä',
      labels: { 'acefleet.fleet': 'home' },
      at: 1_700_000_000_123,
    })
  })

  it('go on after the stream broke inside a line, from a second before the last one', async () => {
    serve(
      (response) => {
        response.write(eventLine('a') + eventLine('lost').slice(0, 40))
        setTimeout(() => response.socket?.destroy(), 50)
      },
      (response) => void response.write(eventLine('b')),
    )
    const { seen } = await collect((all) => all.includes('b'))
    expect(seen).toEqual(['connected', 'a', 'connected', 'b'])
    const lines = daemon.heard.map(({ line }) => decodeURIComponent(line))
    expect(lines[0]).not.toContain('since=')
    expect(lines[1]).toContain('since=1699999999')
    expect(lines[1]).toContain('"type":["container"]')
    expect(daemon.breaks).toHaveLength(1)
  })

  it('go on after a line that is no event, and after the daemon ended the stream', async () => {
    serve(
      (response) => void response.write('{"Action":\n'),
      (response) => void response.end(),
      (response) => void response.write(eventLine('b')),
    )
    const { seen } = await collect((all) => all.includes('b'))
    expect(seen).toEqual(['connected', 'connected', 'connected', 'b'])
    for (const error of daemon.breaks) expect(error).toBeInstanceOf(DockerError)
  })

  it('go on after the daemon was away', async () => {
    let refusals = 3
    daemon.answer = (request, response) => {
      if (refusals-- > 0) return void request.socket.destroy()
      response.write(eventLine('back'))
    }
    const { seen } = await collect((all) => all.includes('back'))
    expect(seen).toEqual(['connected', 'back'])
    expect(daemon.breaks).toHaveLength(3)
  })

  it('wait on a quiet daemon that answers a ping, and leave one that does not', async () => {
    let pings = 0
    daemon.answer = (request, response) => {
      if (request.url?.includes('/_ping')) {
        pings += 1
        if (pings === 1) json(response, 200, 'OK')
        return
      }
      response.writeHead(200)
      response.flushHeaders()
    }
    // A minute of quiet is 1.5 s.
    const { seen } = await collect((all) => all.length === 2, makeFastClock(40))
    expect(seen).toEqual(['connected', 'connected'])
    expect(pings).toBe(2)
  }, 60_000)

  it('end without an error when the reader is done, also before there is a connection', async () => {
    const end = new AbortController()
    const reading = (async () => {
      for await (const _ of daemon.connect().events(end.signal)) throw new Error('no event')
    })()
    await until(() => daemon.heard.length > 0, 'the events call')
    end.abort()
    await reading
    expect(daemon.breaks).toEqual([])
  })
})

describe('a log tail', () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.alloc(8)
    header.writeUInt8(stream)
    header.writeUInt32BE(Buffer.byteLength(text), 4)
    return Buffer.concat([header, Buffer.from(text)])
  }
  const tailOf = (...chunks: Buffer[]) => {
    daemon.answer = async (_, response) => {
      for (const chunk of chunks) {
        response.write(chunk)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      response.end()
    }
    return daemon.connect().logTail(ID, 3, calm)
  }

  it('joins both streams and the parts of a line, and keeps the last ones', async () => {
    const bytes = Buffer.concat([
      frame(1, 'first\nsecond\n'),
      frame(2, 'oops ä\n'),
      frame(1, 'half'),
      frame(2, 'again\n'),
      frame(1, ' whole'),
    ])
    const middle = bytes.indexOf('ä') + 1
    const tail = await tailOf(bytes.subarray(0, middle), bytes.subarray(middle))
    expect(tail).toEqual(['oops ä', 'again', 'half whole'])
    expect(daemon.heard[0]?.line).toContain('tail=3')
  })

  it('reads a terminal’s raw output, without its colours', async () => {
    expect(await tailOf(Buffer.from('\u001b[31mred\u001b[0m\r\nplain\r\n'))).toEqual([
      'red',
      'plain',
    ])
    expect(await tailOf(Buffer.from('ok'))).toEqual(['ok'])
    expect(await tailOf()).toEqual([])
  })

  it('fails when the stream breaks', async () => {
    daemon.answer = (request, response) => {
      response.write(frame(1, 'a\n'), () => request.socket.destroy())
    }
    const call = daemon.connect().logTail(ID, 3, calm)
    await expect(call).rejects.toMatchObject({ name: 'DockerError' })
  })
})

describe('a pull', () => {
  const pull = async (...steps: object[]) => {
    daemon.answer = (_, response) => {
      response.writeHead(200)
      response.end(steps.map((step) => `${JSON.stringify(step)}\r\n`).join(''))
    }
    const lines: string[] = []
    await daemon.connect().pull(heldLease, 'engine', (line) => lines.push(line), calm)
    return lines
  }

  it('asks for one tag and tells its progress, at most once a second', async () => {
    const layer = { id: 'abc', status: 'Downloading', progressDetail: { current: 5e6, total: 1e7 } }
    const lines = await pull({ status: 'Pulling from engine', id: 'latest' }, layer, layer, layer)
    expect(lines).toEqual(['Pulling from engine'])
    expect(daemon.heard[0]?.line).toContain('fromImage=engine&tag=latest')
  })

  it('fails by the error inside its stream, credentials left out', async () => {
    const error = 'Get https://me:secret@registry.example/v2/: denied'
    const failure = pull({ status: 'Pulling' }, { error, errorDetail: { message: error } })
    await expect(failure).rejects.toMatchObject({
      name: 'DockerError',
      message: expect.stringContaining('https://registry.example/v2/: denied'),
    })
    await expect(failure).rejects.not.toThrow('secret')
  })

  it('fails when its stream breaks or makes no sense', async () => {
    daemon.answer = (request, response) => {
      response.write('{"status":"Pulling"}\n', () => request.socket.destroy())
    }
    const docker = daemon.connect()
    const broken = docker.pull(heldLease, 'engine:1', () => {}, calm)
    await expect(broken).rejects.toMatchObject({ name: 'DockerError' })
    daemon.answer = (_, response) => void response.end('<html>\n')
    const odd = docker.pull(heldLease, 'engine:1', () => {}, calm)
    await expect(odd).rejects.toMatchObject({ name: 'DockerError' })
  })

  it('refuses what can not be an image before anything is sent', async () => {
    const odd = daemon.connect().pull(heldLease, '../engine?x=', () => {}, calm)
    await expect(odd).rejects.toMatchObject({ name: 'DockerError' })
    expect(daemon.heard).toEqual([])
  })
})
