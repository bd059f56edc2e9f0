import { describe, expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { type HttpAnswer, HttpFailed, type HttpFailure } from '../net/http.ts'
import { createRestartVpn, type RestartOrder, type VpnRestart } from './restart-vpn.ts'

/** An outcome, an answer that is none, a failure, or none before the call is over. */
type Say =
  | string
  | readonly [status: number, body: string]
  | { readonly fails: HttpFailure }
  | 'hang'

const REFUSED = { fails: 'refused' } as const
const TIMEOUT = { fails: 'timeout' } as const

/** A control server that answers PUTs with what it is told, one after the other, the last one ever again. */
function gluetun(says: { stopped: readonly Say[]; running: readonly Say[] }, key = 'k3y') {
  const clock = makeVirtualClock()
  const asked: string[] = []
  const left = { stopped: [...says.stopped], running: [...says.running] }
  const restart = createRestartVpn({
    clock,
    readFile: async () => ({ text: key, modifiedAt: 0 }),
    http: {
      get: async () => ({ status: 200, location: undefined, body: '{"version":"v3.41.3"}' }),
      put: async (url, body, call): Promise<HttpAnswer> => {
        const { status } = JSON.parse(body) as { status: 'stopped' | 'running' }
        asked.push(`${new URL(url).pathname} ${status}`)
        const [say = 'hang'] = left[status].length > 1 ? left[status].splice(0, 1) : left[status]
        if (say === 'hang') {
          const ended = clock.sleep(call.timeoutMs, call.signal)
          await ended.catch(() => Promise.reject(new HttpFailed('aborted', 'aborted')))
          throw new HttpFailed('timeout', 'no whole answer in time')
        }
        if (typeof say === 'string')
          return { status: 200, location: undefined, body: JSON.stringify({ outcome: say }) }
        if ('fails' in say) throw new HttpFailed(say.fails, `it ${say.fails}`)
        return { status: say[0], body: say[1], location: undefined }
      },
    },
  })
  const gone = new AbortController()
  /** Begins one; time stands still until its end is asked for. */
  const begin = (target: Target = {}, given: Partial<RestartOrder> = {}) => {
    const { apiKeyFile = '/run/key', address = '172.18.0.2' } = target
    const order = { isResumed: false, assertMay: () => {}, ...given }
    const node = { name: 'gluetun-a', control: { apiKeyFile } }
    let result: VpnRestart | Error | undefined
    const keep = (said: VpnRestart | Error) => {
      result = said
    }
    void restart({ node, address, startedAt: 1 }, order, gone.signal).then(keep, keep)
    return async () => {
      await clock.runUntil(() => result !== undefined, 600_000)
      return result
    }
  }
  return {
    asked,
    clock,
    gone,
    begin,
    restart: (target?: Target, order?: Partial<RestartOrder>) => begin(target, order)(),
  }
}

interface Target {
  readonly apiKeyFile?: string
  readonly address?: string
}

const stop = '/v1/vpn/status stopped'
const start = '/v1/vpn/status running'

describe('a VPN is stopped and started', () => {
  test.for<readonly [string, readonly Say[], readonly Say[], readonly string[]]>([
    ['at once', ['stopped'], ['running'], [stop, start]],
    ['when it was stopped already', ['already stopped'], ['running'], [stop, start]],
    ['when somebody else started it', ['stopped'], ['already running'], [stop, start]],
    ['when the reply to the stop is lost', [TIMEOUT], ['running'], [stop, start]],
    ['when a proxy lost the reply', [[502, 'bad gateway']], ['running'], [stop, start]],
    ['when the reply makes no sense', [[200, 'ok']], ['running'], [stop, start]],
    ['when the start is lost once', ['stopped'], [TIMEOUT, 'running'], [stop, start, start]],
    ['when the start is refused once', ['stopped'], [[401, ''], 'running'], [stop, start, start]],
    [
      'when it is not there for a moment',
      ['stopped'],
      [REFUSED, REFUSED, 'running'],
      [stop, start, start, start],
    ],
    [
      'while it restarts by itself',
      ['already starting', 'already stopping', 'stopped'],
      ['running'],
      [stop, stop, stop, start],
    ],
    [
      'while its start is under way',
      ['stopped'],
      ['already starting', 'already running'],
      [stop, start, start],
    ],
  ])('%s', async ([, stopped, running, asked]) => {
    const node = gluetun({ stopped, running })
    expect(await node.restart()).toEqual({ kind: 'restarted' })
    expect(node.asked).toEqual(asked)
    expect(node.clock.pending).toBe(0)
  })
})

describe('a VPN is left alone', () => {
  test.for<readonly [string, Say, string]>([
    ['a 401', [401, 'Unauthorized'], 'refused'],
    ['a 403', [403, ''], 'refused'],
    ['a 404', [404, 'Not Found'], 'missing'],
    ['a 405', [405, ''], 'missing'],
    ['a 400', [400, 'no such route'], 'missing'],
    ['a redirect', [308, ''], 'missing'],
    ['nobody there', REFUSED, 'unreachable'],
    ['a start of its own that lasts', 'already starting', 'busy'],
    ['a crash', 'already crashed', 'busy'],
  ])('after %s', async ([, say, reason]) => {
    const node = gluetun({ stopped: [say], running: ['running'] })
    const said = await node.restart()
    expect(said).toMatchObject({ kind: 'failed', reason, vpn: 'untouched' })
    expect(said).toHaveProperty('message', expect.stringContaining('gluetun-a'))
    expect(node.asked).not.toContain(start)
  })

  test('and the refusal names the role and its lines, for the release that answers, and no key', async () => {
    const said = await gluetun({ stopped: [[401, 'Unauthorized']], running: [] }).restart()
    const message = said !== undefined && 'message' in said ? said.message : ''
    expect(message).toContain(
      '(Gluetun v3.41.3) refuses PUT /v1/vpn/status to the API key from /run/key',
    )
    expect(message).toContain(
      'routes = ["GET /v1/vpn/status", "PUT /v1/vpn/status", "GET /v1/portforward",',
    )
    expect(message).not.toContain('k3y')
  })

  test('when there is no key or no address', async () => {
    const keyless = gluetun({ stopped: ['stopped'], running: ['running'] }, '')
    expect(await keyless.restart()).toMatchObject({ reason: 'refused', vpn: 'untouched' })
    const homeless = gluetun({ stopped: ['stopped'], running: ['running'] })
    const nowhere = { address: '' }
    expect(await homeless.restart(nowhere)).toMatchObject({ reason: 'unreachable' })
    expect([...keyless.asked, ...homeless.asked]).toEqual([])
  })

  test('when the caller gave up before', async () => {
    const node = gluetun({ stopped: ['stopped'], running: ['running'] })
    node.gone.abort()
    expect(await node.restart()).toMatchObject({ reason: 'aborted', vpn: 'untouched' })
    expect(node.asked).toEqual([])
  })
})

describe('how a VPN is left when it could not be started', () => {
  test.for<readonly [string, Say, readonly Say[], object]>([
    ['its word is 401', 'stopped', [[401, '']], { reason: 'refused', vpn: 'stopped' }],
    ['it is gone', 'stopped', [REFUSED], { reason: 'unreachable', vpn: 'stopped' }],
    ['no start was answered', 'stopped', [TIMEOUT], { reason: 'unreachable', vpn: 'unknown' }],
    [
      'one start was not answered',
      'stopped',
      [TIMEOUT, REFUSED],
      { reason: 'unreachable', vpn: 'unknown' },
    ],
    ['nothing was answered', TIMEOUT, [TIMEOUT], { reason: 'unreachable', vpn: 'unknown' }],
    ['it crashed', 'stopped', ['crashed'], { reason: 'busy', vpn: 'unknown' }],
    ['its start lasts', 'stopped', ['already starting'], { reason: 'unknown', vpn: 'unknown' }],
    [
      'the stop may never have come',
      TIMEOUT,
      ['already running'],
      { reason: 'unknown', vpn: 'running' },
    ],
  ])('%s', async ([, stopped, running, expected]) => {
    const node = gluetun({ stopped: [stopped], running })
    expect(await node.restart()).toMatchObject({ kind: 'failed', ...expected })
    expect(node.asked.length).toBeLessThanOrEqual(4)
    expect(node.clock.pending).toBe(0)
  })

  test('a stop that lasts two minutes, as on v3.41.1, is outlasted', async () => {
    const node = gluetun({ stopped: ['hang'], running: ['hang', 'running'] })
    const before = node.clock.monotonic()
    expect(await node.restart()).toEqual({ kind: 'restarted' })
    expect(node.clock.monotonic() - before).toBeLessThan(120_000)
    const worst = gluetun({ stopped: ['hang'], running: ['hang'] })
    await worst.restart()
    expect(worst.clock.monotonic()).toBeGreaterThan(120_000)
  })
})

describe('a caller that gives up after the stop', () => {
  test('while the stop is under way still has the VPN started', async () => {
    const node = gluetun({ stopped: ['hang'], running: ['running'] })
    const end = node.begin()
    await node.clock.settle()
    node.gone.abort()
    expect(await end()).toEqual({ kind: 'restarted' })
    expect(node.clock.monotonic()).toBeLessThan(1_000)
    expect(node.asked).toEqual([stop, start])
  })

  test('while starts fail has one more, and then an end', async () => {
    const node = gluetun({ stopped: ['stopped'], running: [REFUSED, 'hang'] })
    const end = node.begin()
    await node.clock.settle()
    node.gone.abort()
    expect(await end()).toMatchObject({ kind: 'failed', vpn: 'unknown' })
    expect(node.asked).toEqual([stop, start, start])
    expect(node.clock.monotonic()).toBe(3_000)
    expect(node.clock.pending).toBe(0)
  })
})

describe('a restart under a lease', () => {
  const lost = new Error('the lease is lost')

  test('says nothing once it is lost (I7)', async () => {
    const node = gluetun({ stopped: ['stopped'], running: ['running'] })
    const order = {
      assertMay: () => {
        throw lost
      },
    }
    expect(await node.restart({}, order)).toBe(lost)
    expect(await node.restart({}, { ...order, isResumed: true })).toBe(lost)
    expect(node.asked).toEqual([])
  })

  test('starts again what it stopped while it was held, whoever holds it by then', async () => {
    const node = gluetun({ stopped: ['stopped'], running: ['running'] })
    let times = 0
    const assertMay = () => {
      times += 1
      if (times > 1) throw lost
    }
    expect(await node.restart({}, { assertMay })).toEqual({ kind: 'restarted' })
    expect(node.asked).toEqual([stop, start])
  })

  test('only starts what somebody else left stopped', async () => {
    const node = gluetun({ stopped: ['stopped'], running: ['running'] })
    expect(await node.restart({}, { isResumed: true })).toEqual({ kind: 'restarted' })
    expect(node.asked).toEqual([start])
  })
})
