import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openNodeHttp } from '../../src/net/node-http.ts'
import { systemClock } from '../../src/time/clock.ts'
import { createReadControl } from '../../src/vpn/control.ts'
import { createRestartVpn } from '../../src/vpn/restart-vpn.ts'
import { readSmallFile } from '../../src/vpn/small-file.ts'
import {
  gluetunInProcess,
  type InProcessGluetun,
  type InProcessOptions,
} from '../harness/gluetun-in-process.ts'
import { type Release, releases } from '../standins/gluetun/release.ts'

// The client against the whole program of the stand-in, over real sockets and files.

const patience = { timeout: 20_000, interval: 5 }

let folder = ''
let key: { readonly apiKeyFile: string }
let basic: { readonly usernameFile: string; readonly passwordFile: string }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acefleet-releases-'))
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  key = { apiKeyFile: await file('key', 'k3y\n') }
  basic = { usernameFile: await file('user', 'me\n'), passwordFile: await file('password', 'pw\n') }
})
afterAll(() => rm(folder, { recursive: true }))

type Control = { apiKeyFile?: string; usernameFile?: string; passwordFile?: string }

async function start(release: Release, options: InProcessOptions = {}): Promise<InProcessGluetun> {
  const gluetun = await gluetunInProcess({ ...options, state: { release, ...options.state } })
  await expect.poll(() => gluetun.tunnel.state().status, patience).toBe('running')
  return gluetun
}

const targetOf = ({ url, portFile }: InProcessGluetun, control: Control, startedAt = 0) => ({
  node: { name: 'gluetun-a', control: { ...control, url }, portFile },
  address: undefined,
  startedAt,
})

async function read(gluetun: InProcessGluetun, control: Control = {}, timeoutMs = 20_000) {
  using http = openNodeHttp(systemClock)
  const parts = { http: http.get, readFile: readSmallFile, clock: systemClock, timeoutMs }
  const target = targetOf(gluetun, control)
  // Only what the server says counts here.
  const node = { ...target.node, portFile: undefined }
  return createReadControl(parts)({ ...target, node }, new AbortController().signal)
}

async function restart(gluetun: InProcessGluetun, control: Control = {}) {
  using http = openNodeHttp(systemClock)
  const parts = { http, readFile: readSmallFile, clock: systemClock }
  const order = { isResumed: false, assertMay: () => {} }
  return createRestartVpn(parts)(targetOf(gluetun, control), order, new AbortController().signal)
}

const up = { kind: 'reading', status: 'running', publicIp: '198.51.100.7', publicIpEnabled: true }

/** The lines of an advice that go into the role file, with the secrets that they speak of. */
function roleFileFrom(advice: string): string {
  const lines = advice.slice(advice.indexOf('[[roles]]'))
  const secret = { key: 'k3y', user: 'me', password: 'pw' } as const
  return lines.replaceAll(
    /<the content of [^>]*\/(\w+)>/g,
    (_, name: keyof typeof secret) => secret[name],
  )
}

describe.for(releases)('Gluetun %s', (release) => {
  test.for([[[]], [[45_000]], [[45_000, 45_001]]] as const)(
    'has the ports %j read',
    async ([ports]) => {
      const env = { STANDIN_API_KEY: 'k3y' }
      await using gluetun = await start(release, { env, state: { ports } })
      const said = await read(gluetun, key)
      // A release of one port has no place for a second.
      const told = release === 'v3.38' ? ports.slice(0, 1) : ports
      expect(said).toMatchObject({ ...up, ports: told })
      expect(said).not.toHaveProperty('gaps')
    },
  )

  test('is read as down while its VPN is stopped, and while it connects without an address', async () => {
    const env = { STANDIN_API_KEY: 'k3y' }
    await using gluetun = await start(release, { env })
    gluetun.set({ status: 'stopped' })
    const none = { kind: 'reading', publicIp: '', ports: [] }
    expect(await read(gluetun, key)).toMatchObject({ ...none, status: 'stopped' })
    gluetun.set({ status: 'starting' })
    expect(await read(gluetun, key)).toMatchObject({ ...none, status: 'starting' })
  })

  test('is restarted, and brings its next port', async () => {
    const env = { STANDIN_API_KEY: 'k3y' }
    await using gluetun = await start(release, { env, state: { nextPorts: [45_007] } })
    // Taken by the first connection.
    expect(gluetun.tunnel.state().ports).toEqual([45_007])
    gluetun.set({ nextPorts: [45_008] })
    expect(await restart(gluetun, key)).toEqual({ kind: 'restarted' })
    await expect.poll(() => read(gluetun, key), patience).toMatchObject({ ...up, ports: [45_008] })
  })

  test('that lost its port for ever has it back after a restart of its VPN', async () => {
    const env = { STANDIN_API_KEY: 'k3y' }
    await using gluetun = await start(release, { env, state: { portServer: 'refuses' } })
    gluetun.set({ portServer: 'answers' })
    expect(await read(gluetun, key)).toMatchObject({ ...up, ports: [] })
    expect(await restart(gluetun, key)).toEqual({ kind: 'restarted' })
    await expect.poll(() => read(gluetun, key), patience).toMatchObject({ ...up, ports: [45_000] })
  })
})

const others = '[[roles]]\nname = "others"\nauth = "apikey"\napikey = "other"\n'
/** A file that leaves nothing public of what we ask. */
const taken = (port: string) =>
  `${others}routes = ["GET /v1/vpn/status", "PUT /v1/vpn/status", "${port}", "GET /v1/publicip/ip"]\n`

describe('advice that is followed to the letter', () => {
  test.for([
    ['v3.39', 'GET /v1/openvpn/portforwarded'],
    ['v3.40', 'GET /v1/openvpn/portforwarded'],
    ['v3.41.1', 'GET /v1/portforward'],
    ['v3.41.3', 'GET /v1/portforward'],
    ['master', 'GET /v1/portforward'],
  ] as const)('%s starts with it, and then all is read and restarted', async ([release, port]) => {
    for (const control of [key, basic]) {
      const before = taken(port)
      let advice: string
      {
        await using gluetun = await start(release, { roleFile: before })
        const said = await read(gluetun, control)
        expect(said).toMatchObject({ kind: 'refused' })
        advice = 'message' in said ? said.message : ''
        expect(advice).toContain('refuses GET /v1/vpn/status')
        const cure = await restart(gluetun, control)
        expect(cure).toMatchObject({ kind: 'failed', reason: 'refused', vpn: 'untouched' })
        expect(gluetun.tunnel.state().status).toBe('running')
      }
      await using gluetun = await start(release, { roleFile: before + roleFileFrom(advice) })
      const said = await read(gluetun, control)
      expect(said).toMatchObject({ ...up, ports: [45_000] })
      expect(said).not.toHaveProperty('gaps')
      expect(await restart(gluetun, control)).toEqual({ kind: 'restarted' })
    }
  })

  test('a role with the older port route alone, which leads to a route that it does not have', async () => {
    const roleFile =
      '[[roles]]\nname = "old"\nauth = "apikey"\napikey = "k3y"\nroutes = ["GET /v1/vpn/status", "GET /v1/openvpn/portforwarded", "GET /v1/publicip/ip", "GET /v1/version"]\n'
    await using gluetun = await start('master', { roleFile })
    const said = await read(gluetun, key)
    expect(said).toMatchObject({ ...up, ports: [] })
    const gap = said.kind === 'reading' ? (said.gaps?.ports ?? '') : ''
    expect(gap).toContain('(Gluetun latest) refuses GET /v1/portforward')
    await using mended = await start('master', { roleFile: roleFile + roleFileFrom(gap) })
    expect(await read(mended, key)).toMatchObject({ ...up, ports: [45_000] })
  })

  test('v3.40 with a role that lacks its port route hears of that one', async () => {
    await using gluetun = await start('v3.40', {
      roleFile: `${others}routes = ["GET /v1/openvpn/portforwarded"]\n`,
    })
    const said = await read(gluetun, key)
    const gap = said.kind === 'reading' ? said.gaps?.ports : undefined
    expect(gap).toContain('(Gluetun v3.40.0) refuses GET /v1/openvpn/portforwarded')
  })
})

describe('a control server with a fault', () => {
  test('is unreachable while it refuses, hangs or fails, and the status file tells the port', async () => {
    await using gluetun = await start('v3.41.3')
    for (const control of ['refuse', 'hang', '500', 'cut'] as const) {
      const body = JSON.stringify({ control })
      await fetch(`${gluetun.ownUrl}/standin/state`, { method: 'POST', body })
      const timeoutMs = control === 'hang' ? 300 : 20_000
      expect(await read(gluetun, {}, timeoutMs), control).toMatchObject({ kind: 'unreachable' })
      using http = openNodeHttp(systemClock)
      const parts = { http: http.get, readFile: readSmallFile, clock: systemClock, timeoutMs }
      const ask = (startedAt: number) =>
        createReadControl(parts)(targetOf(gluetun, {}, startedAt), new AbortController().signal)
      expect(await ask(1), control).toMatchObject({ kind: 'unreachable', ports: [45_000] })
      // Written before the container started: of an earlier incarnation.
      expect(await ask(Date.now() + 60_000), control).not.toHaveProperty('ports')
    }
  })

  test('that acts and loses its replies has its VPN running in the end', async () => {
    await using gluetun = await start('v3.41.3', { state: { stopMs: 200 } })
    gluetun.set({ control: 'cut' })
    expect(await restart(gluetun)).toMatchObject({ kind: 'failed', vpn: 'unknown' })
    await expect
      .poll(() => gluetun.tunnel.state(), patience)
      .toMatchObject({ status: 'running', carries: true })
  })

  test('I9: a frozen tunnel is told as Gluetun tells it: running, with its address and its port', async () => {
    await using gluetun = await start('v3.41.3')
    gluetun.set({ frozen: { healthyForMs: 600_000, loopMs: 6_000 } })
    expect(await read(gluetun)).toMatchObject({ ...up, ports: [45_000] })
  })

  test('whose VPN crashes when started says so', async () => {
    await using gluetun = await start('v3.41.3', { state: { crashesOnStart: true } })
    expect(await restart(gluetun)).toMatchObject({ kind: 'failed', reason: 'busy' })
    expect(gluetun.tunnel.state().status).toBe('crashed')
  })
})
