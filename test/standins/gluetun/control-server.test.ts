import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask } from '../../harness/ask.ts'
import { gluetunInProcess, type InProcessGluetun } from '../../harness/gluetun-in-process.ts'
import type { Release } from './release.ts'

const unauthorized = { status: 401, body: 'Unauthorized\n' }
const notFound = { status: 404, body: 'Not Found\n' }
const patience = { timeout: 20_000, interval: 5 }

/** One that is up. */
async function start(
  release: Release,
  options: Parameters<typeof gluetunInProcess>[0] = {},
): Promise<InProcessGluetun> {
  const gluetun = await gluetunInProcess({ ...options, state: { release, ...options.state } })
  await expect.poll(() => gluetun.tunnel.state().status, patience).toBe('running')
  return gluetun
}

/** `GET /path`, or with another method before it. */
async function say(
  { url }: InProcessGluetun,
  request: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
) {
  const [path = '', method = 'GET'] = request.split(' ').reverse()
  return ask(`${url}${path}`, { method, headers, body })
}

const port0 = { status: 200, body: '{"port":0}\n' }
const one = { status: 200, body: '{"port":45000}\n' }
const none = { status: 200, body: '{"port":0,"ports":[]}\n' }
const both = { status: 200, body: '{"port":45000,"ports":[45000]}\n' }
const several = { status: 200, body: '{"ports":[45000,45001]}\n' }
const firstAndAll = { status: 200, body: '{"port":45000,"ports":[45000,45001]}\n' }
const moved = { status: 301, headers: { location: '/v1/portforward' } }
const older = '/v1/openvpn/portforwarded'
const newer = '/v1/portforward'

describe('the port', () => {
  test.for([
    ['v3.38', older, [], port0],
    ['v3.38', older, [45_000], one],
    ['v3.38', older, [45_000, 45_001], one],
    ['v3.38', newer, [45_000], { status: 400 }],
    ['v3.39', older, [], port0],
    ['v3.39', older, [45_000], one],
    ['v3.39', older, [45_000, 45_001], several],
    ['v3.39', newer, [45_000], unauthorized],
    ['v3.40', older, [45_000, 45_001], several],
    ['v3.40', newer, [45_000], unauthorized],
    ['v3.41.1', newer, [], port0],
    ['v3.41.1', newer, [45_000], one],
    ['v3.41.1', newer, [45_000, 45_001], several],
    ['v3.41.1', older, [45_000], moved],
    ['v3.41.3', newer, [], none],
    ['v3.41.3', newer, [45_000], both],
    ['v3.41.3', newer, [45_000, 45_001], firstAndAll],
    ['v3.41.3', older, [45_000], moved],
  ] as const)('%s GET %s with %j', async ([release, path, ports, answer]) => {
    await using gluetun = await start(release, { state: { ports } })
    const said = await say(gluetun, path)
    expect(said).toMatchObject(answer)
    const type = said.status === 301 ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8'
    expect(said.headers['content-type']).toBe(type)
  })

  test('master has no list before its service begins', async () => {
    await using gluetun = await gluetunInProcess({
      env: { STANDIN_API_KEY: 'k3y' },
      state: { release: 'master', connectMs: 60_000 },
    })
    const said = await say(gluetun, newer, { 'X-API-Key': 'k3y' })
    expect(said.body).toBe('{"port":0,"ports":null}\n')
  })

  test('stands in the status file, one a line, and is emptied when it is lost', async () => {
    await using gluetun = await start('v3.41.3', { state: { ports: [45_000, 45_001] } })
    expect(readFileSync(gluetun.portFile, 'utf8')).toBe('45000\n45001')
    gluetun.set({ portServer: 'refuses' })
    expect(readFileSync(gluetun.portFile, 'utf8')).toBe('')
  })
})

describe('a request that is none', () => {
  test.for([
    ['v3.38', 'GET /v1/nothing', { status: 400 }],
    ['v3.38', 'DELETE /v1/vpn/status', { status: 400 }],
    ['v3.38', 'GET /v1/vpn/status/', { status: 200 }],
    ['v3.40', 'GET /v1/nothing', unauthorized],
    ['v3.41.1', 'GET /v1/nothing', unauthorized],
    ['v3.41.1', 'DELETE /v1/vpn/status', unauthorized],
    ['v3.41.1', 'PUT /v1/portforward', unauthorized],
    ['v3.41.1', 'GET /v1/vpn/status/', unauthorized],
    ['v3.41.3', 'GET /v1/nothing', notFound],
    ['v3.41.3', 'DELETE /v1/vpn/status', { status: 405 }],
    ['v3.41.3', 'GET /v1/vpn/status/', notFound],
    ['master', 'GET /v1/nothing', notFound],
    ['master', 'DELETE /v1/vpn/status', { status: 405 }],
  ] as const)('%s answers %s with %j', async ([release, request, answer]) => {
    await using gluetun = await start(release)
    expect(await say(gluetun, request)).toMatchObject(answer)
  })
})

describe('the older API', () => {
  test.for([
    ['/openvpn/portforwarded', '/v1/openvpn/portforwarded'],
    ['/openvpn/settings', '/v1/openvpn/settings'],
  ] as const)('%s leads to %s', async ([path, location]) => {
    await using gluetun = await start('v3.38')
    expect(await say(gluetun, path)).toMatchObject({ status: 308, headers: { location } })
  })

  test('restarts the VPN', async () => {
    await using gluetun = await start('v3.41.3', { state: { nextPorts: [45_007] } })
    expect(await say(gluetun, '/openvpn/actions/restart')).toMatchObject({ status: 200 })
    await expect.poll(() => gluetun.tunnel.state().ports, patience).toEqual([45_007])
  })
})

const roles = (...routes: readonly string[]) => `
[[roles]]
name = "controller"
routes = [${routes.map((route) => `"${route}"`).join(', ')}]
auth = "apikey"
apikey = "k3y"

[[roles]]
name = "people"
routes = ["GET /v1/version"]
auth = "basic"
username = "me"
password = "pw"

[[roles]]
name = "all"
routes = ["GET /v1/dns/status"]
auth = "none"
`

describe('who may ask', () => {
  test.for([
    ['v3.38', 'GET /v1/vpn/settings', 200],
    ['v3.39', 'GET /v1/vpn/settings', 401],
    ['v3.39', 'GET /v1/vpn/status', 200],
    ['v3.40', 'GET /v1/openvpn/portforwarded', 200],
    ['v3.41.3', 'GET /v1/publicip/ip', 200],
    ['v3.41.3', 'GET /v1/openvpn/settings', 401],
    ['v3.41.3', 'PUT /v1/portforward', 401],
    ['master', 'GET /v1/vpn/status', 401],
    ['master', 'GET /v1/version', 401],
  ] as const)('%s without roles: %s is %i for everybody', async ([release, request, status]) => {
    await using gluetun = await start(release)
    expect(await say(gluetun, request)).toMatchObject({ status })
  })

  test.for(['v3.39', 'v3.41.1', 'v3.41.3', 'master'] as const)(
    '%s goes by its role file',
    async (release) => {
      const state = '/v1/vpn/status'
      await using gluetun = await start(release, { roleFile: roles(`GET ${state}`) })
      expect(await say(gluetun, state)).toMatchObject(unauthorized)
      expect(await say(gluetun, state, { 'X-API-Key': 'other' })).toMatchObject(unauthorized)
      expect(await say(gluetun, state, { 'X-API-Key': 'k3y' })).toMatchObject({ status: 200 })
      expect(await say(gluetun, `${state}?api_key=k3y`)).toMatchObject({ status: 200 })
      expect(await say(gluetun, '/v1/dns/status')).toMatchObject({ status: 200 })
      const basic = (text: string) => ({
        authorization: `Basic ${Buffer.from(text).toString('base64')}`,
      })
      expect(await say(gluetun, '/v1/version', basic('me:pw'))).toMatchObject({ status: 200 })
      expect(await say(gluetun, '/v1/version', basic('me:no'))).toMatchObject(unauthorized)
      expect(await say(gluetun, '/v1/version')).toMatchObject({
        ...unauthorized,
        headers: { 'www-authenticate': expect.stringContaining('Basic realm=') },
      })
      const unnamed = await say(gluetun, '/v1/publicip/ip', { 'X-API-Key': 'k3y' })
      expect(unnamed.status).toBe(release === 'master' ? 401 : 200)
    },
  )

  test.for([
    ['v3.40', 401, 200],
    ['v3.41.1', 200, 401],
    ['master', 200, 401],
  ] as const)(
    '%s: the default role makes the settings %i with its key and the status %i without',
    async ([release, settings, status]) => {
      const env = { HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE: '{"auth":"apikey","apikey":"k3y"}' }
      await using gluetun = await start(release, { env })
      const key = { 'X-API-Key': 'k3y' }
      expect(await say(gluetun, '/v1/vpn/settings', key)).toMatchObject({ status: settings })
      expect(await say(gluetun, '/v1/vpn/status')).toMatchObject({ status })
    },
  )

  test.for([
    ['v3.40', 'GET /v1/portforward'],
    ['v3.41.1', 'PUT /v1/portforward'],
    ['v3.41.3', 'GET /v1/vpn/status/'],
  ] as const)('%s does not start with a role for %s', async ([release, route]) => {
    const options = { roleFile: roles(route), state: { release } }
    await expect(gluetunInProcess(options)).rejects.toThrow(
      `not supported by the control server: ${route}`,
    )
  })

  test('a release whose roles would not fit is not entered', async () => {
    await using gluetun = await start('v3.41.3', { roleFile: roles('GET /v1/portforward') })
    const change = { method: 'POST', body: { release: 'v3.40' } }
    expect(await ask(`${gluetun.url}/standin/state`, change)).toMatchObject({ status: 400 })
    expect(gluetun.tunnel.state().release).toBe('v3.41.3')
    const fits = { method: 'POST', body: { release: 'master' } }
    expect(await ask(`${gluetun.url}/standin/state`, fits)).toMatchObject({ status: 200 })
    expect(await say(gluetun, '/v1/vpn/status')).toMatchObject(unauthorized)
  })
})

describe('PUT', () => {
  const put = (gluetun: InProcessGluetun, path: string, status: unknown) =>
    say(gluetun, `PUT ${path}`, {}, { status })

  test('/v1/vpn/status answers with the outcome once it is applied', async () => {
    await using gluetun = await start('v3.41.3', { state: { stopMs: 300 } })
    const stopping = put(gluetun, '/v1/vpn/status', 'stopped')
    await expect
      .poll(async () => (await say(gluetun, '/v1/vpn/status')).body, patience)
      .toBe('{"status":"stopping"}\n')
    expect(await stopping).toMatchObject({ status: 200, body: '{"outcome":"stopped"}\n' })
    const outcomes = [
      ['stopped', 'already stopped'],
      ['running', 'running'],
      ['running', 'already running'],
    ] as const
    for (const [status, outcome] of outcomes) {
      const answer = { status: 200, body: `${JSON.stringify({ outcome })}\n` }
      expect(await put(gluetun, '/v1/vpn/status', status)).toMatchObject(answer)
    }
  })

  test.for(['dancing', 'crashed', 7, undefined])('/v1/vpn/status refuses %j', async (status) => {
    await using gluetun = await start('v3.41.3')
    expect(await put(gluetun, '/v1/vpn/status', status)).toMatchObject({ status: 400 })
    expect(gluetun.tunnel.state().status).toBe('running')
  })

  test('/v1/openvpn/status changes the type of the VPN and so crashes it', async () => {
    await using gluetun = await start('v3.41.3')
    const said = await put(gluetun, '/v1/openvpn/status', 'running')
    expect(said.body).toBe('{"outcome":"crashed"}\n')
    expect(gluetun.tunnel.state()).toMatchObject({ status: 'crashed', carries: false })
    expect((await say(gluetun, '/v1/openvpn/status')).body).toBe('{"status":"stopped"}\n')
  })

  test.for([
    ['v3.41.3', 400],
    ['master', 500],
  ] as const)('%s answers /v1/portforward with %i to who may', async ([release, status]) => {
    await using gluetun = await start(release, { env: { STANDIN_API_KEY: 'k3y' } })
    const headers = { 'X-API-Key': 'k3y' }
    const body = { ports: [45_000] }
    expect(await say(gluetun, 'PUT /v1/portforward', headers, body)).toMatchObject({ status })
  })
})

describe('faults', () => {
  test('a control server that refuses closes its port, and only that', async () => {
    await using gluetun = await start('v3.41.3')
    const own = `${gluetun.ownUrl}/standin/state`
    expect(await ask(own, { method: 'POST', body: { control: 'refuse' } })).toMatchObject({
      status: 200,
    })
    await expect(say(gluetun, '/v1/vpn/status')).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    })
    await ask(own, { method: 'POST', body: { control: 'normal' } })
    expect(await say(gluetun, '/v1/vpn/status')).toMatchObject({ status: 200 })
  })

  test('a reply that is cut off was acted upon', async () => {
    await using gluetun = await start('v3.41.3', { state: { control: 'cut' } })
    await expect(say(gluetun, 'PUT /v1/vpn/status', {}, { status: 'stopped' })).rejects.toThrow()
    expect(gluetun.tunnel.state().status).toBe('stopped')
  })

  test('who waited for a hung server finds the connection closed', async () => {
    await using gluetun = await start('v3.41.3', { state: { control: 'hang' } })
    const waiting = ask(`${gluetun.url}/v1/vpn/status`, { timeoutMs: 60_000 }).catch(
      (error) => error,
    )
    await expect(ask(`${gluetun.url}/v1/version`, { timeoutMs: 200 })).rejects.toThrow()
    await ask(`${gluetun.url}/standin/state`, { method: 'POST', body: { control: 'normal' } })
    expect(await waiting).toMatchObject({ cause: { code: 'ECONNRESET' } })
  })

  test('a crash of its port forwarding ends the container', async () => {
    await using gluetun = await start('v3.41.3')
    await ask(`${gluetun.url}/standin/event`, { method: 'POST', body: { event: 'crash' } })
    await expect.poll(() => gluetun.endings, patience).toEqual(['port forwarding loop crashed'])
  })

  test('an engine beside it hears whether packets pass, when all else says that they do', async () => {
    await using gluetun = await start('v3.41.3')
    const tunnel = () => ask(`${gluetun.healthUrl}/tunnel`)
    expect(await tunnel()).toMatchObject({ status: 200, body: '{"up":true}' })
    gluetun.set({ frozen: { healthyForMs: 600_000, loopMs: 6000 } })
    expect(await tunnel()).toMatchObject({ status: 503, body: '{"up":false}' })
    expect(await ask(gluetun.healthUrl)).toMatchObject({ status: 200 })
    expect(await say(gluetun, '/v1/vpn/status')).toMatchObject({ body: '{"status":"running"}\n' })
    const healthy = { method: 'POST', body: { frozen: null, healthy: false } }
    await ask(`${gluetun.url}/standin/state`, healthy)
    expect(await ask(gluetun.healthUrl)).toMatchObject({ status: 500 })
  })

  test('a restart from within is told to its own endpoint, and nothing else is', async () => {
    await using gluetun = await start('v3.41.3')
    const tell = (event: unknown) =>
      ask(`${gluetun.url}/standin/event`, { method: 'POST', body: event })
    expect(await tell({ event: 'reconnect' })).toMatchObject({ status: 200 })
    expect(gluetun.tunnel.state()).toMatchObject({ carries: false, healthy: true })
    await expect.poll(() => gluetun.tunnel.state().carries, patience).toBe(true)
    for (const event of [{ event: 'dance' }, null, []])
      expect(await tell(event)).toMatchObject({ status: 400 })
  })
})
