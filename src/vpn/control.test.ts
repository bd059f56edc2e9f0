import { describe, expect, test } from 'vitest'
import { type HttpAnswer, HttpFailed, type HttpFailure } from '../net/http.ts'
import { type ControlTarget, createReadControl } from './control.ts'
import type { SmallFile } from './small-file.ts'

type Say = readonly [status: number, body: string, location?: string] | HttpFailure

const KEY = 's3cret-k3y'
const WELL: Record<string, Say> = {
  '/v1/vpn/status': [200, '{"status":"running"}'],
  '/v1/portforward': [200, '{"port":45000,"ports":[45000]}'],
  '/v1/publicip/ip': [200, '{"public_ip":"198.51.100.7"}'],
}
const UNAUTHORIZED: Say = [401, 'Unauthorized']

/** A control server that says what it is told, and files that hold what they are given. */
function gluetun(
  says: Record<string, Say>,
  files: Record<string, Partial<SmallFile>> = { '/run/key': { text: `${KEY}\n` } },
) {
  const asked: { url: string; headers: Readonly<Record<string, string>> | undefined }[] = []
  const read = createReadControl({
    clock: { now: () => 1_000, monotonic: () => 0 },
    readFile: async (path) => {
      const file = files[path]
      if (file === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`)
      return { text: '', modifiedAt: 500, ...file }
    },
    http: async (url, call): Promise<HttpAnswer> => {
      asked.push({ url, headers: call.headers })
      const say = says[new URL(url).pathname] ?? [404, '404 page not found']
      if (typeof say === 'string') throw new HttpFailed(say, say)
      const [status, body, location] = say
      return { status, body, location }
    },
  })
  return {
    asked,
    read: (target: Partial<ControlTarget> & { control?: ControlTarget['node']['control'] } = {}) =>
      read(
        {
          node: { name: 'gluetun-a', control: target.control ?? { apiKeyFile: '/run/key' } },
          address: '172.18.0.2',
          startedAt: 400,
          ...target,
        },
        new AbortController().signal,
      ),
  }
}

describe('reading a control server', () => {
  test('asks with the key, at the address of the container unless a URL is given', async () => {
    const { read, asked } = gluetun(WELL)
    expect(await read()).toEqual({
      kind: 'reading',
      status: 'running',
      publicIp: '198.51.100.7',
      publicIpEnabled: true,
      ports: [45_000],
      at: 1_000,
    })
    expect(asked.map(({ url }) => url).sort()).toEqual([
      'http://172.18.0.2:8000/v1/portforward',
      'http://172.18.0.2:8000/v1/publicip/ip',
      'http://172.18.0.2:8000/v1/vpn/status',
    ])
    expect(asked.every(({ headers }) => headers?.['x-api-key'] === KEY)).toBe(true)
    asked.length = 0
    await read({ control: { url: 'http://vpn:9000/' }, address: undefined })
    expect(asked[0]?.url).toMatch(/^http:\/\/vpn:9000\/v1\//)
    expect(asked[0]?.headers).toEqual({})
  })

  test('asks with user and password where the role wants them', async () => {
    const files = { '/u': { text: 'me\n' }, '/p': { text: 'pass word\n' } }
    const { read, asked } = gluetun(WELL, files)
    expect(await read({ control: { usernameFile: '/u', passwordFile: '/p' } })).toMatchObject({
      kind: 'reading',
    })
    expect(asked[0]?.headers).toEqual({
      authorization: `Basic ${Buffer.from('me:pass word').toString('base64')}`,
    })
  })

  test.each<[string, Say]>([
    ['400, as before there were roles', [400, 'GET /portforward not found']],
    ['404', [404, '404 page not found']],
    ['401, as releases with roles up to v3.41.1', UNAUTHORIZED],
  ])('finds the port at the older route where the newer one says %s', async (_, newer) => {
    const { read } = gluetun({
      ...WELL,
      '/v1/portforward': newer,
      '/v1/openvpn/portforwarded': [200, '{"port":45001}'],
    })
    expect(await read()).toMatchObject({ kind: 'reading', ports: [45_001] })
    expect(await read()).not.toHaveProperty('gaps')
  })

  test('never follows the redirect into the route that refused it, and names the missing role', async () => {
    const { read, asked } = gluetun({
      ...WELL,
      '/v1/portforward': UNAUTHORIZED,
      '/v1/openvpn/portforwarded': [301, '', '/v1/portforward'],
    })
    const said = await read()
    expect(said).toMatchObject({ kind: 'reading', status: 'running', ports: [] })
    const gap = said.kind === 'reading' ? said.gaps?.ports : undefined
    expect(gap).toContain('refuses GET /v1/portforward to the API key from /run/key')
    expect(gap).toContain('/gluetun/auth/config.toml')
    expect(gap).toContain(
      [
        '[[roles]]',
        'name = "acefleet"',
        'routes = ["GET /v1/vpn/status", "PUT /v1/vpn/status", "GET /v1/portforward", "GET /v1/publicip/ip", "GET /v1/version"]',
        'auth = "apikey"',
        'apikey = "<the content of /run/key>"',
      ].join('\n'),
    )
    expect(asked.filter(({ url }) => url.endsWith('/v1/portforward'))).toHaveLength(1)
  })

  test('I9: calls a refusal a refusal, not a VPN that is down, and never shows the key', async () => {
    const { read } = gluetun({
      '/v1/vpn/status': UNAUTHORIZED,
      '/v1/portforward': UNAUTHORIZED,
      '/v1/openvpn/portforwarded': UNAUTHORIZED,
      '/v1/publicip/ip': UNAUTHORIZED,
    })
    const said = await read()
    expect(said).toMatchObject({ kind: 'refused', at: 1_000 })
    expect(JSON.stringify(said)).not.toContain(KEY)
    expect(said).toHaveProperty('message', expect.stringContaining('GET /v1/vpn/status'))
    const keyless = await read({ control: {} })
    expect(keyless).toHaveProperty('message', expect.stringContaining('control.apiKeyFile'))
  })

  test('gives lines for basic auth to those who use it', async () => {
    const files = { '/u': { text: 'me' }, '/p': { text: 'pw' } }
    const { read } = gluetun({ '/v1/vpn/status': UNAUTHORIZED }, files)
    const said = await read({ control: { usernameFile: '/u', passwordFile: '/p' } })
    expect(said).toHaveProperty('message', expect.stringContaining('auth = "basic"'))
    expect(said).toHaveProperty('message', expect.not.stringContaining('apikey'))
  })

  test('leaves the address open where its route is refused or absent', async () => {
    for (const say of [UNAUTHORIZED, [404, ''] as const]) {
      const { read } = gluetun({ ...WELL, '/v1/publicip/ip': say })
      expect(await read()).toMatchObject({
        kind: 'reading',
        publicIp: '',
        publicIpEnabled: false,
        gaps: { publicIp: expect.stringContaining('GET /v1/publicip/ip') },
      })
    }
  })

  test('I9: does not read a passing silence about the address as no address', async () => {
    const { read } = gluetun({ ...WELL, '/v1/publicip/ip': 'timeout' })
    expect(await read()).toMatchObject({ kind: 'unreachable' })
  })

  test('I9: does not read silence about the port as no port', async () => {
    for (const say of ['timeout', [200, 'nonsense'], [500, '']] as const) {
      const { read } = gluetun({ ...WELL, '/v1/portforward': say })
      expect(await read()).toMatchObject({ gaps: { ports: expect.any(String) }, ports: [] })
    }
  })

  test.each<[string, Say, string]>([
    ['nothing', 'refused', 'unreachable'],
    ['silence', 'timeout', 'unreachable'],
    ['a reset', 'reset', 'unreachable'],
    ['too much', 'garbage', 'unreachable'],
    ['HTTP 500', [500, 'oops'], 'unreachable'],
    ['another page', [200, '<html>'], 'unreachable'],
    ['half an object', [200, '{"status":"runn'], 'unreachable'],
    ['404', [404, '404 page not found'], 'missing'],
    ['405', [405, ''], 'missing'],
    ['a redirect', [302, '', 'https://elsewhere/'], 'missing'],
    ['401', UNAUTHORIZED, 'refused'],
    ['403 of a proxy before it', [403, ''], 'refused'],
  ])('tells %s apart', async (_, say, kind) => {
    const { read } = gluetun({ ...WELL, '/v1/vpn/status': say })
    const said = await read()
    expect(said.kind).toBe(kind)
    expect(said).toHaveProperty('message', expect.stringContaining('gluetun-a'))
    expect(said).toHaveProperty('message', expect.stringContaining('http://172.18.0.2:8000'))
  })

  test.each([
    ['absent', undefined, 'ENOENT'],
    ['empty', { text: ' \n' }, 'is empty'],
    ['of two lines', { text: 'hidden1\nhidden2\n' }, 'line breaks'],
    ['not ASCII', { text: 'hiddenß' }, 'beyond ASCII'],
  ])('says what is wrong with a key file that is %s, and shows no key', async (_, file, what) => {
    const { read, asked } = gluetun(WELL, file ? { '/run/key': file } : {})
    const said = await read()
    expect(said).toMatchObject({ kind: 'refused', message: expect.stringContaining('/run/key') })
    expect(said).toHaveProperty('message', expect.stringContaining(what))
    expect(JSON.stringify(said)).not.toContain('hidden')
    // Conditions put the node's name before it.
    expect(said).toHaveProperty('message', expect.stringMatching(/^The API key file/))
    expect(asked).toEqual([])
  })

  test.each<[string, Say, string, string]>([
    ['v3.40', [200, '{"version":"v3.40.0"}'], 'portforwarded"', '/v1/portforward"'],
    ['v3.41.0', [200, '{"version":"v3.41.0"}'], '/v1/portforward"', 'portforwarded"'],
    ['v4', [200, '{"version":"v4.0.0"}'], '/v1/portforward"', 'portforwarded"'],
    ['a build of master', [200, '{"version":"latest"}'], '/v1/portforward"', 'portforwarded"'],
  ])('names the port route of %s, which starts with no other', async (_, version, named, other) => {
    const { read } = gluetun({ '/v1/vpn/status': UNAUTHORIZED, '/v1/version': version })
    const said = await read()
    expect(said).toHaveProperty('message', expect.stringContaining(named))
    expect(said).toHaveProperty('message', expect.not.stringContaining(other))
  })

  test('tells of both port routes where the release is not known, and asks for it once', async () => {
    for (const version of [UNAUTHORIZED, 'timeout', [200, 'nonsense']] as const) {
      const refused = { '/v1/vpn/status': UNAUTHORIZED, '/v1/portforward': UNAUTHORIZED }
      const older = { '/v1/openvpn/portforwarded': UNAUTHORIZED, '/v1/version': version }
      const { read, asked } = gluetun({ ...refused, ...older })
      const said = await read()
      expect(said).toHaveProperty('message', expect.stringContaining('before v3.41.0'))
      expect(asked.filter(({ url }) => url.endsWith('/v1/version'))).toHaveLength(1)
    }
  })

  test('shows no user or password of a URL', async () => {
    const { read } = gluetun({ '/v1/vpn/status': 'timeout' })
    const said = await read({ control: { url: 'http://me:hidden@vpn:8000' } })
    expect(JSON.stringify(said)).not.toContain('hidden')
  })

  test('says so when no address is known', async () => {
    const { read } = gluetun(WELL)
    expect(await read({ address: undefined })).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('control.url'),
    })
  })

  describe('with the status file mounted', () => {
    const node = { name: 'gluetun-a', control: {}, portFile: '/gluetun/forwarded_port' }
    const file = (text: string, modifiedAt = 500) => ({
      '/gluetun/forwarded_port': { text, modifiedAt },
    })

    test('takes the port from it while the control server is out of reach', async () => {
      const { read } = gluetun({ '/v1/vpn/status': 'timeout' }, file('45000'))
      expect(await read({ node })).toMatchObject({ kind: 'unreachable', ports: [45_000] })
    })

    test('takes the port from it while only the port route is refused', async () => {
      const says = { ...WELL, '/v1/portforward': UNAUTHORIZED }
      const said = await gluetun(says, file('45000')).read({ node })
      expect(said).toMatchObject({ kind: 'reading', ports: [45_000] })
      expect(said).not.toHaveProperty('gaps')
    })

    test('believes the control server more', async () => {
      expect(await gluetun(WELL, file('1')).read({ node })).toMatchObject({ ports: [45_000] })
    })

    test('does not believe a file that is garbage, absent, or left behind by an earlier start', async () => {
      for (const files of [file('x'), {}, file('45000', 399)]) {
        const said = await gluetun({ '/v1/vpn/status': 'timeout' }, files).read({ node })
        expect(said).not.toHaveProperty('ports')
      }
      const { read } = gluetun({ '/v1/vpn/status': 'timeout' }, file('45000'))
      expect(await read({ node, startedAt: 0 })).not.toHaveProperty('ports')
    })
  })
})
