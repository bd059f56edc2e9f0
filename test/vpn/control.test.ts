import { once } from 'node:events'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { systemClock } from '../../src/time/clock.ts'
import { createReadControl } from '../../src/vpn/control.ts'
import { readSmallFile } from '../../src/vpn/small-file.ts'

let folder = ''
const open: AsyncDisposable[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acefleet-control-'))
})
afterEach(async () => {
  for (const resource of open.splice(0)) await resource[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Reads once over real sockets and files. */
async function read(
  url: string,
  more: { apiKeyFile?: string; portFile?: string },
  timeoutMs = 30_000,
) {
  using http = openNodeHttp(systemClock)
  const { portFile, apiKeyFile } = more
  const control = { url, apiKeyFile }
  const readControl = createReadControl({
    http: http.get,
    readFile: readSmallFile,
    clock: systemClock,
    timeoutMs,
  })
  const node = { name: 'gluetun-a', control, portFile }
  return await readControl(
    { node, address: undefined, startedAt: 1_000 },
    new AbortController().signal,
  )
}

describe('reading over real sockets and files', () => {
  test('reads plain text bodies with the key from the file, rotated keys included', async () => {
    const keyFile = join(folder, 'key')
    const url = await serve((request, response) => {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8')
      if (request.headers['x-api-key'] !== 'second') response.writeHead(401).end('Unauthorized\n')
      else if (request.url === '/v1/vpn/status') response.end('{"status":"running"}\n')
      else if (request.url === '/v1/portforward') response.end('{"port":45000,"ports":[45000]}\n')
      else response.end('{"public_ip":"198.51.100.7"}\n')
    })
    await writeFile(keyFile, 'first\n')
    expect(await read(url, { apiKeyFile: keyFile })).toMatchObject({ kind: 'refused' })
    await writeFile(keyFile, 'second\n')
    expect(await read(url, { apiKeyFile: keyFile })).toMatchObject({
      kind: 'reading',
      publicIp: '198.51.100.7',
      ports: [45_000],
    })
  })

  test('gives up on a server that accepts and never answers, and reads the port file', async () => {
    const portFile = join(folder, 'forwarded_port')
    await writeFile(portFile, '45000')
    const url = await serve(() => {})
    expect(await read(url, { portFile }, 100)).toMatchObject({
      kind: 'unreachable',
      ports: [45_000],
    })
    await utimes(portFile, 0.5, 0.5)
    expect(await read(url, { portFile }, 100)).not.toHaveProperty('ports')
  })

  test('reads no folder, no device and nothing huge as a key', async () => {
    const huge = join(folder, 'huge')
    await writeFile(huge, 'x'.repeat(100_000))
    for (const path of [folder, '/dev/zero', huge, join(folder, 'absent')]) {
      const said = await read('http://127.0.0.1:9', { apiKeyFile: path })
      expect(said).toMatchObject({ kind: 'refused', message: expect.stringContaining(path) })
    }
  })
})
