import { createSocket } from 'node:dgram'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from '../harness/ask.ts'
import { checkStream } from '../harness/check-stream.ts'
import { openStream, readBytes } from '../harness/engine-in-process.ts'
import {
  type EngineOptions,
  type EngineStandIn,
  findEngine,
  findGluetun,
  type GluetunOptions,
  type GluetunStandIn,
  removeLabelled,
  startEngine,
  startGluetun,
} from '../harness/standins.ts'
import { buildStandIns, type StandInImages } from '../standins/build.ts'
import { makeTar } from '../standins/image/tar.ts'

const docker = new Docker()
const prefix = `standins-${process.pid}`
const labels = { 'acefleet.test': prefix }

/** Generous: the machine may be busy with other tests. */
const patience = { timeout: 30_000, interval: 50 }

let images: StandInImages
let names = 0

beforeAll(async () => {
  images = await buildStandIns({ docker })
}, 120_000)

afterAll(async () => {
  await removeLabelled(docker, labels)
}, 60_000)

function newName(): string {
  names += 1
  return `${prefix}-${names}`
}

function gluetun(options: Partial<GluetunOptions> = {}): Promise<GluetunStandIn> {
  return startGluetun(docker, { image: images.gluetun, name: newName(), labels, ...options })
}

function launch(options: Partial<EngineOptions>): Promise<string> {
  return startEngine(docker, { image: images.engine, name: newName(), labels, ...options })
}

/** An engine that answers. */
async function engine(options: Partial<EngineOptions> = {}, port = 6878): Promise<EngineStandIn> {
  const id = await launch({ args: ['--bind-all'], ...options })
  const standIn = await findEngine(docker, id, port)
  await expect.poll(() => standIn.get(versionPath).catch(failure), patience).toMatchObject(ok)
  return standIn
}

const versionPath = '/webui/api/service?method=get_version'
const ok = { status: 200 }
const failure = (error: unknown) => ({ status: 0, error })

const readJson = async (engine: EngineStandIn, path: string) =>
  JSON.parse((await engine.get(path)).body)

/** Exit code and log of a container that has ended. */
async function ending(id: string): Promise<{ exitCode: number; log: string }> {
  const container = docker.getContainer(id)
  const { StatusCode } = await container.wait()
  const log = await container.logs({ stdout: true, stderr: true })
  return { exitCode: StatusCode, log: log.toString() }
}

function isOpen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

async function sendDatagram(address: string, port: number): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise((resolve) => socket.send('hello', port, address, resolve))
  socket.close()
}

/** The first bytes of a stream, redirects followed, and the response to go on with. */
async function readStream(url: string, bytes: number): Promise<[Buffer, IncomingMessage]> {
  const response = await openStream(url)
  const read = await readBytes(response, bytes)
  return [read, response.on('error', () => undefined).resume()]
}

describe.concurrent('engine stand-in', () => {
  const flags = ['--http-port', '19001', '--https-port', '19401', '--api-port', '19601']
  const joined = flags.join(' ')
  const presets: readonly (readonly [string, Partial<EngineOptions>])[] = [
    [
      'krinkuto11: flags in CONF, one a line, and variables',
      {
        env: {
          CONF: '--http-port=19001\n--https-port=19401\n--api-port=19601\n--bind-all',
          HTTP_PORT: '19001',
          HTTPS_PORT: '19401',
          BIND_ALL: 'true',
          P2P_PORT: '45001',
        },
      },
    ],
    [
      'jopsis x64: flags in ACESTREAM_ARGS',
      {
        env: {
          ACESTREAM_ARGS: `--client-console --bind-all --access-token acestream --live-buffer 25 ${joined} --port 45001`,
        },
      },
    ],
    [
      'jopsis arm: a whole command',
      { args: ['python', 'main.py', '--bind-all', '--log-stdout', ...flags, '--port', '45001'] },
    ],
    [
      'martinbjeldbak: flags in EXTRA_FLAGS',
      { env: { ALLOW_REMOTE_ACCESS: 'yes', EXTRA_FLAGS: `${joined} --port 45001` } },
    ],
    [
      'martinbjeldbak and custom: flags as arguments',
      { env: { ALLOW_REMOTE_ACCESS: 'yes' }, args: [...flags, '--port=45001'] },
    ],
  ]

  test.for(presets)('takes its ports as %s', async ([, options], { expect }) => {
    const standIn = await engine({ args: undefined, ...options }, 19001)
    const { ports } = await standIn.state()
    expect(ports).toEqual({ http: 19001, https: 19401, api: 19601, p2p: 45001 })
    for (const port of Object.values(ports)) {
      expect(await isOpen(standIn.address, Number(port))).toBe(true)
    }
    const heard = async () => {
      await sendDatagram(standIn.address, ports.p2p)
      return (await standIn.state()).counters
    }
    const counters = { p2pConnections: 1, p2pDatagrams: expect.toSatisfy((n) => n > 0) }
    await expect.poll(heard, patience).toMatchObject(counters)
  })

  test('is not reached from outside unless told to bind to all addresses', async ({ expect }) => {
    const id = await launch({ args: ['--port', '45001'] })
    const { address } = await findEngine(docker, id)
    await expect.poll(() => isOpen(address, 45001), patience).toBe(true)
    expect(await isOpen(address, 6878)).toBe(false)
  })

  test('says its version, the newer image another', async ({ expect }) => {
    const [now, next] = await Promise.all([engine(), engine({ image: images.engineNext })])
    const version = { code: 3_017_000, platform: 'linux', version: '3.1.70' }
    expect(await readJson(now, versionPath)).toEqual({ result: version, error: null })
    expect(await readJson(next, versionPath)).toMatchObject({ result: { version: '3.2.11' } })
    const api = '/server/api?api_version=3&method='
    expect(await readJson(now, `${api}get_status`)).toMatchObject({ result: { version } })
    expect(await readJson(now, `${api}get_network_connection_status`)).toEqual({
      result: { connected: true },
    })
  })

  test('plays a content as a valid transport stream until it is stopped', async ({ expect }) => {
    const standIn = await engine()
    const { response } = await readJson(standIn, '/ace/getstream?id=one&format=json&pid=p')
    expect(response.playback_url).toBe(
      `http://${standIn.address}:6878/ace/r/${response.infohash}/83878c91171338902e0fe0fb97a8c47a`,
    )
    const [bytes, reader] = await readStream(response.playback_url, 400_000)
    expect(reader.headers['content-type']).toBe('video/mp2t')
    const { packets, problems } = checkStream(bytes)
    expect(problems).toEqual([])
    expect(packets).toBeGreaterThan(2000)
    const stat = JSON.parse((await ask(response.stat_url)).body)
    expect(stat.response).toMatchObject({ status: 'dl', livepos: { is_live: '1' } })

    const ended = new Promise((resolve) => reader.on('close', resolve))
    expect(JSON.parse((await ask(`${response.command_url}?method=stop`)).body)).toEqual({
      response: 'ok',
      error: null,
    })
    await ended
    expect(JSON.parse((await ask(response.stat_url)).body)).toEqual({
      response: null,
      error: 'unknown playback session id',
    })
  })

  test('ends the first session of a content when a second one starts', async ({ expect }) => {
    const standIn = await engine()
    const first = await readJson(standIn, '/ace/getstream?id=one&format=json&pid=a')
    const [, reader] = await readStream(first.response.playback_url, 1000)
    const ended = new Promise((resolve) => reader.on('close', resolve))
    await readJson(standIn, '/ace/getstream?id=one&format=json&pid=b')
    await ended
    const { sessions, counters } = await standIn.state()
    expect(sessions).toHaveLength(1)
    expect(counters).toMatchObject({ opened: 2, superseded: 1 })
  })

  test('spoils the reply of a second reader and goes on with the first', async ({ expect }) => {
    const standIn = await engine()
    const { response } = await readJson(standIn, '/ace/getstream?id=one&format=json')
    const [, reader] = await readStream(response.playback_url, 1000)
    await expect(openStream(response.playback_url)).rejects.toThrow()
    const more = await new Promise<Buffer>((resolve) => reader.once('data', resolve))
    expect(more.length).toBeGreaterThan(0)
    reader.destroy()
  })

  test('redirects without format=json and refuses what it can not load', async ({ expect }) => {
    const standIn = await engine()
    const { status, headers } = await standIn.get(`/ace/getstream?infohash=${'A1'.repeat(20)}`)
    expect(status).toBe(302)
    expect(headers.location).toContain(`/ace/r/${'a1'.repeat(20)}/`)
    const failed = { response: null, error: 'failed to load content' }
    expect(await readJson(standIn, '/ace/getstream?infohash=12&format=json')).toEqual(failed)
    expect(await readJson(standIn, '/ace/getstream?format=json')).toEqual(failed)
    expect(await standIn.get('/ace/getstream?infohash=12')).toMatchObject({ status: 500 })
  })

  test('serves a live HLS list whose segments are whole', async ({ expect }) => {
    const standIn = await engine()
    const { response } = await readJson(standIn, '/ace/manifest.m3u8?id=one&format=json')
    const list = (await ask(response.playback_url)).body
    const segments = list.split('\n').filter((line) => line.endsWith('.ts'))
    expect(segments).toHaveLength(17)
    const [bytes, reader] = await readStream(segments[0] ?? '', 900_000)
    reader.destroy()
    expect(checkStream(bytes).problems).toEqual([])
  })

  test('ends with a code and a log when it is told to', async ({ expect }) => {
    const id = await launch({ args: ['--bind-all'] })
    const standIn = await findEngine(docker, id)
    await expect.poll(() => standIn.state().catch(failure), patience).toHaveProperty('ports')
    await standIn.setMode({ mode: 'exit', exitCode: 7 })
    const { exitCode, log } = await ending(id)
    expect(exitCode).toBe(7)
    expect(log).toContain('told to exit with code 7')
    const atOnce = await launch({ env: { STANDIN_EXIT_CODE: '3' } })
    expect(await ending(atOnce)).toMatchObject({ exitCode: 3 })
  })

  test('ends well on SIGTERM and badly on bad options', async ({ expect }) => {
    const id = await launch({ args: ['--bind-all'] })
    const standIn = await findEngine(docker, id)
    await expect.poll(() => standIn.get(versionPath).catch(failure), patience).toMatchObject(ok)
    await docker.getContainer(id).stop({ t: 20 })
    expect(await ending(id)).toMatchObject({ exitCode: 0 })
    const bad = await ending(await launch({ args: ['--http-port', 'many'] }))
    expect(bad.exitCode).toBe(1)
    expect(bad.log).toContain('--http-port must be a whole number from 1 to 65535, got many')
  })

  test('starts late: runs with its port closed at first', async ({ expect }) => {
    const id = await launch({ args: ['--bind-all'], env: { STANDIN_START_DELAY_MS: '6000' } })
    const standIn = await findEngine(docker, id)
    await expect.poll(() => logOf(id), patience).toContain('starts')
    expect(await isOpen(standIn.address, 6878)).toBe(false)
    await expect.poll(() => standIn.get(versionPath).catch(failure), patience).toMatchObject(ok)
  })

  test('starts slowly: has its port open and lets requests wait', async ({ expect }) => {
    const id = await launch({ args: ['--bind-all'], env: { STANDIN_SLOW_START_MS: '6000' } })
    const standIn = await findEngine(docker, id)
    await expect.poll(() => isOpen(standIn.address, 6878), patience).toBe(true)
    await expect(standIn.get(versionPath, 200)).rejects.toThrow()
    expect(await standIn.get(versionPath, 30_000)).toMatchObject(ok)
  })

  const logOf = async (id: string) =>
    (await docker.getContainer(id).logs({ stdout: true, stderr: true })).toString()
})

describe.concurrent('modes of the engine stand-in', () => {
  test('hangs on new and on kept connections, and comes back', async ({ expect }) => {
    const standIn = await engine()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const url = `http://${standIn.address}:6878${versionPath}`
    const onKept = (timeout: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = get(url, { agent, signal: AbortSignal.timeout(timeout) }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
        sent.on('error', reject)
      })
    expect(await onKept(10_000)).toBe(200)
    const { response } = await readJson(standIn, '/ace/getstream?id=one&format=json')
    const [, reader] = await readStream(response.playback_url, 1000)
    await standIn.setMode({ mode: 'hang' })
    await expect(onKept(500)).rejects.toThrow()
    await expect(standIn.get(versionPath, 500)).rejects.toThrow()
    expect(await isOpen(standIn.address, 6878)).toBe(true)
    const { sessions } = await standIn.state()
    await sleep(500)
    expect((await standIn.state()).sessions).toEqual(sessions)
    await standIn.setMode({ mode: 'normal' })
    expect(await onKept(10_000)).toBe(200)
    await new Promise((resolve) => reader.once('data', resolve))
    reader.destroy()
    agent.destroy()
  })

  test('fails, talks rubbish, is slow, has no network, has no content', async ({ expect }) => {
    const standIn = await engine()
    await standIn.setMode({ mode: '500' })
    expect(await standIn.get(versionPath)).toMatchObject({ status: 500 })
    await standIn.setMode({ mode: 'garbage' })
    const { status, body } = await standIn.get(versionPath)
    expect(status).toBe(200)
    expect(() => JSON.parse(body)).toThrow()
    await standIn.setMode({ mode: 'slow', delayMs: 3000 })
    await expect(standIn.get(versionPath, 500)).rejects.toThrow()
    expect(await standIn.get(versionPath, 30_000)).toMatchObject(ok)
    await standIn.setMode({ mode: 'disconnected' })
    expect(
      await readJson(standIn, '/server/api?api_version=3&method=get_network_connection_status'),
    ).toEqual({ result: { connected: false } })
    await standIn.setMode({ mode: 'no-content' })
    expect(await readJson(standIn, '/ace/getstream?id=one&format=json')).toEqual({
      response: null,
      error: 'failed to load content',
    })
    expect(await standIn.get(versionPath)).toMatchObject(ok)
  })

  test('refuses a mode that it does not have and keeps the one it has', async ({ expect }) => {
    const standIn = await engine()
    const url = `http://${standIn.address}:6878/standin/mode`
    for (const body of [{ mode: 'dance' }, { mode: 'slow', delayMs: -1 }, [], null, 'hang']) {
      expect(await ask(url, { method: 'POST', body })).toMatchObject({ status: 400 })
    }
    expect((await standIn.state()).mode).toEqual({ mode: 'normal' })
  })
})

describe.concurrent('Gluetun stand-in', () => {
  const read = async (node: GluetunStandIn, path: string, headers = {}) => {
    const answer = await ask(`${await node.controlUrl()}${path}`, { headers })
    return { ...answer, json: () => JSON.parse(answer.body) }
  }
  const put = async (node: GluetunStandIn, status: string) =>
    ask(`${await node.controlUrl()}/v1/vpn/status`, { method: 'PUT', body: { status } })

  test('answers as v3.41.3 does', async ({ expect }) => {
    const node = await gluetun({ port: 45_000, publicIp: '203.0.113.9' })
    const status = await read(node, '/v1/vpn/status')
    expect(status.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(status.body).toBe('{"status":"running"}\n')
    expect((await read(node, '/v1/portforward')).body).toBe('{"port":45000,"ports":[45000]}\n')
    expect((await read(node, '/v1/publicip/ip')).json()).toMatchObject({
      public_ip: '203.0.113.9',
    })
    expect((await read(node, '/v1/version')).json()).toMatchObject({ version: 'v3.41.3' })
    const moved = await read(node, '/v1/openvpn/portforwarded')
    expect([moved.status, moved.headers.location]).toEqual([301, '/v1/portforward'])
    expect(await read(node, '/v1/vpn/status/')).toMatchObject({ status: 404 })
    expect(await read(node, '/v1/vpn/settings')).toMatchObject({
      status: 401,
      body: 'Unauthorized\n',
    })
    const url = `${await node.controlUrl()}/v1/version`
    expect(await ask(url, { method: 'DELETE' })).toMatchObject({ status: 405 })
  })

  test('asks for its key on every route when it has one', async ({ expect }) => {
    const node = await gluetun({ apiKey: 'k3y' })
    const path = '/v1/vpn/status'
    const refused = { status: 401, body: 'Unauthorized\n' }
    expect(await read(node, path)).toMatchObject(refused)
    expect(await read(node, path, { 'X-API-Key': 'other' })).toMatchObject(refused)
    expect(await read(node, path, { 'X-API-Key': 'k3y' })).toMatchObject(ok)
    expect(await read(node, `${path}?api_key=k3y`)).toMatchObject(ok)
  })

  test('has its port set, changed and taken away while it runs', async ({ expect }) => {
    const node = await gluetun()
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 0, ports: [] })
    await node.setPort(45_001)
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 45_001, ports: [45_001] })
    await node.set({ ports: [45_002, 45_003] })
    expect((await read(node, '/v1/portforward')).json()).toEqual({
      port: 45_002,
      ports: [45_002, 45_003],
    })
    const path = '/tmp/gluetun/forwarded_port'
    const archive = await docker.getContainer(node.id).getArchive({ path })
    expect(await text(archive)).toContain('\x0045002\n45003\x00')
    await node.setPort(0)
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 0, ports: [] })
    await expect(node.setPort(70_000)).rejects.toThrow('port must be')
    expect((await read(node, '/v1/vpn/status')).json()).toEqual({ status: 'running' })
  })

  test('has its VPN stopped and started, address and port following', async ({ expect }) => {
    const node = await gluetun({ port: 45_000 })
    expect((await put(node, 'stopped')).body).toBe('{"outcome":"stopped"}\n')
    expect((await put(node, 'stopped')).body).toBe('{"outcome":"already stopped"}\n')
    expect(await node.state()).toMatchObject({ status: 'stopped', publicIp: '', ports: [] })
    expect((await read(node, '/v1/publicip/ip')).body).toBe('{"public_ip":""}\n')
    expect((await put(node, 'running')).body).toBe('{"outcome":"running"}\n')
    expect(await node.state()).toMatchObject({ status: 'running' })
    await expect.poll(async () => (await node.state()).ports, patience).toEqual([45_000])
    expect(await put(node, 'dancing')).toMatchObject({ status: 400 })
  })

  test('makes Docker call it healthy, then unhealthy, then healthy', async ({ expect }) => {
    const node = await gluetun()
    const health = async () =>
      (await docker.getContainer(node.id).inspect()).State.Health?.Status ?? 'none'
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('healthy')
    await node.setHealthy(false)
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('unhealthy')
    await node.setHealthy(true)
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('healthy')
  })

  test('hangs and fails when told, while its own endpoint answers', async ({ expect }) => {
    const node = await gluetun()
    await node.set({ control: 'hang' })
    const url = `${await node.controlUrl()}/v1/vpn/status`
    await expect(ask(url, { timeoutMs: 500 })).rejects.toThrow()
    await node.set({ control: '500' })
    expect(await ask(url)).toMatchObject({ status: 500 })
    await node.set({ control: 'refuse' })
    await expect(ask(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await node.set({ control: 'normal' })
    expect(await ask(url)).toMatchObject(ok)
  })

  test('plays another release from its start or from now on', async ({ expect }) => {
    const node = await gluetun({ port: 45_000, release: 'v3.40' })
    const older = '/v1/openvpn/portforwarded'
    expect((await read(node, older)).json()).toEqual({ port: 45_000 })
    expect(await read(node, '/v1/portforward')).toMatchObject({ status: 401 })
    await node.set({ release: 'v3.41.1' })
    expect(await read(node, older)).toMatchObject({ status: 301 })
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 45_000 })
    await node.set({ release: 'master' })
    expect(await read(node, '/v1/portforward')).toMatchObject({ status: 401 })
    await node.restart()
    expect((await read(node, older)).json()).toEqual({ port: 45_000 })
  })

  test('goes by its role file, and does not start with a route that it does not have', async ({
    expect,
  }) => {
    const role = (route: string) =>
      `[[roles]]\nname = "a"\nauth = "apikey"\napikey = "k3y"\nroutes = ["${route}"]\n`
    const roleFile = role('GET /v1/portforward')
    const node = await gluetun({ release: 'master', roleFile })
    expect(await read(node, '/v1/portforward')).toMatchObject({ status: 401 })
    expect(await read(node, '/v1/portforward', { 'X-API-Key': 'k3y' })).toMatchObject(ok)
    const older = await docker.createContainer({
      name: newName(),
      Image: images.gluetun,
      Labels: labels,
      Env: ['STANDIN_RELEASE=v3.40'],
    })
    const file = { path: 'gluetun/auth/config.toml', mode: 0o644, content: roleFile }
    await older.putArchive(makeTar([file]), { path: '/' })
    await older.start()
    const { exitCode, log } = await ending(older.id)
    expect(exitCode).toBe(1)
    expect(log).toContain('route not supported by the control server: GET /v1/portforward')
  })

  test('looks well while its tunnel is frozen, then restarts in vain, then recovers', async ({
    expect,
  }) => {
    const node = await gluetun({ port: 45_000 })
    const health = async () =>
      (await docker.getContainer(node.id).inspect()).State.Health?.Status ?? 'none'
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('healthy')
    await node.set({ frozen: { healthyForMs: 4_000, loopMs: 1_000 } })
    expect((await read(node, '/v1/vpn/status')).json()).toEqual({ status: 'running' })
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 45_000, ports: [45_000] })
    expect((await read(node, '/v1/publicip/ip')).json()).not.toEqual({ public_ip: '' })
    expect((await node.state()).carries).toBe(false)
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('unhealthy')
    expect((await read(node, '/v1/publicip/ip')).json()).toEqual({ public_ip: '' })
    await node.set({ frozen: null })
    await expect.poll(health, { timeout: 60_000, interval: 200 }).toBe('healthy')
    expect((await read(node, '/v1/portforward')).json()).toEqual({ port: 45_000, ports: [45_000] })
  })

  test('ends with its port forwarding, and comes back as it was', async ({ expect }) => {
    const node = await gluetun({ port: 45_000 })
    await node.crash()
    expect(await ending(node.id)).toMatchObject({
      exitCode: 1,
      log: expect.stringContaining('port forwarding loop crashed'),
    })
    await node.start()
    await expect.poll(async () => (await node.state()).ports, patience).toEqual([45_000])
  })
})

describe.concurrent('engines in the network namespace of a Gluetun stand-in', () => {
  const inside = (node: GluetunStandIn, http: number, more: readonly string[] = []) => ({
    network: `container:${node.id}`,
    args: ['--bind-all', '--http-port', String(http), ...more],
  })

  test('are reached at its address until it restarts, then never again', async ({ expect }) => {
    const node = await gluetun({ port: 45_000 })
    const standIn = await engine(inside(node, 19_000), 19_000)
    expect(standIn.address).toBe(await node.address())
    await node.restart()
    const address = await node.address()
    expect(await isOpen(address, 19_000)).toBe(false)
    expect((await node.state()).ports).toEqual([45_000])
    expect((await findGluetun(docker, node.name))?.id).toBe(node.id)
  })

  test('stay in its namespace through a restart of the VPN from within', async ({ expect }) => {
    const node = await gluetun({ port: 45_000, state: { nextPorts: [45_001] } })
    const id = await launch(inside(node, 19_000))
    const standIn = await findEngine(docker, id, 19_000)
    await expect.poll(() => standIn.get(versionPath).catch(failure), patience).toMatchObject(ok)
    const before = await docker.getContainer(node.id).inspect()
    await node.set({ nextPorts: [45_002], connectMs: 2_000 })
    expect(await node.reconnect()).toMatchObject({ carries: false, ports: [], healthy: true })
    expect(await standIn.get(versionPath)).toMatchObject(ok)
    await expect.poll(async () => (await node.state()).ports, patience).toEqual([45_002])
    const { State } = await docker.getContainer(node.id).inspect()
    expect(State.StartedAt).toBe(before.State.StartedAt)
    expect(await standIn.get(versionPath)).toMatchObject(ok)
  })

  test('keep running in the dead namespace, as Docker has it', async ({ expect }) => {
    const node = await gluetun()
    const id = await launch(inside(node, 19_000))
    const standIn = await findEngine(docker, id, 19_000)
    await expect.poll(() => standIn.get(versionPath).catch(failure), patience).toMatchObject(ok)
    await node.kill()
    await node.start()
    expect((await docker.getContainer(id).inspect()).State.Status).toBe('running')
    expect(await isOpen(await node.address(), 19_000)).toBe(false)
  })

  test.for([
    ['HTTP', 19_000, ['--api-port', '19601', '--port', '45001'], 'HTTP port 19000/tcp'],
    ['P2P', 19_001, ['--api-port', '19601'], 'P2P port 8621/tcp'],
    ['API', 19_001, ['--port', '45001'], 'API port 62062/tcp'],
  ] as const)('exit when their %s port is taken', async ([, http, more, what], { expect }) => {
    const node = await gluetun()
    await engine(inside(node, 19_000), 19_000)
    const { exitCode, log } = await ending(await launch(inside(node, http, more)))
    expect(exitCode).toBe(1)
    expect(log).toContain(`cannot listen on ${what}: listen EADDRINUSE`)
  })
})

describe('stand-in images', () => {
  test('are built once: a second call builds nothing', async () => {
    const lines: string[] = []
    expect(await buildStandIns({ docker, onProgress: (line) => lines.push(line) })).toEqual(images)
    expect(lines).toHaveLength(4)
    expect(lines.every((line) => line.endsWith('is there'))).toBe(true)
  })
})
