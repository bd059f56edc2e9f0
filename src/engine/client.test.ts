import { describe, expect, test } from 'vitest'
import { type HttpAnswer, HttpFailed, type HttpFailure } from '../net/http.ts'
import { createProbe, type ProbeCall } from './client.ts'

const STATUS_BODY =
  '{"result":{"playlist_loaded":true,"version":{"code":3017000,"platform":"linux","version":"3.1.70"}}}'
const VERSION_BODY =
  '{"result":{"code":3017000,"platform":"linux","version":"3.1.70"},"error":null}'

type Say = { status: number; body: string } | HttpFailure

const NOT_FOUND: Say = { status: 404, body: '' }

function probeOf(status: Say, version: Say = NOT_FOUND, network: Say = NOT_FOUND) {
  const asked: string[] = []
  const probe = createProbe(
    async (url): Promise<HttpAnswer> => {
      asked.push(url)
      const says = { get_status: status, get_version: version }
      const method = new URL(url).searchParams.get('method') as keyof typeof says
      const say = says[method] ?? network
      if (typeof say === 'string') throw new HttpFailed(say, say)
      return { ...say, location: undefined }
    },
    { monotonic: () => 0 },
  )
  const run = (more: Partial<ProbeCall> = {}) =>
    probe('http://10.0.0.2:19000/', {
      timeoutMs: 2_000,
      signal: new AbortController().signal,
      ...more,
    })
  return { run, asked }
}

describe('a probe', () => {
  test('finds an engine ready by its status, with one request', async () => {
    const { run, asked } = probeOf({ status: 200, body: STATUS_BODY })
    expect(await run()).toEqual({ kind: 'ready' })
    expect(asked).toEqual(['http://10.0.0.2:19000/server/api?api_version=3&method=get_status'])
  })

  test.each([401, 403, 404, 405])(
    'asks for the version of a build that says %i',
    async (status) => {
      const { run } = probeOf({ status, body: 'no' }, { status: 200, body: VERSION_BODY })
      expect(await run()).toEqual({ kind: 'ready' })
    },
  )

  test('is not taken in by an engine that still tells its version but hangs otherwise', async () => {
    const { run, asked } = probeOf('timeout', { status: 200, body: VERSION_BODY })
    expect(await run()).toMatchObject({ kind: 'failed', silent: true })
    expect(asked).toHaveLength(1)
  })

  test.each([
    ['no JSON', 'OK'],
    ['an empty body', ''],
    ['a page', '<html></html>'],
    ['an error', '{"error":{"message":"unknown protocol","code":0}}'],
    ['a null result', '{"result":null,"error":"failed"}'],
    ['a list', '[]'],
    ['a number', '1'],
    ['null', 'null'],
  ])('counts %s with status 200 as a failure', async (_, body) => {
    const { run } = probeOf({ status: 200, body }, { status: 200, body: VERSION_BODY })
    expect(await run()).toMatchObject({ kind: 'failed', silent: false })
  })

  test.each([500, 503, 302])('counts HTTP %i as a failure of the engine', async (status) => {
    const { run } = probeOf({ status, body: STATUS_BODY }, { status: 200, body: VERSION_BODY })
    expect(await run()).toEqual({ kind: 'failed', message: `answered ${status}`, silent: false })
  })

  test.each<[HttpFailure, object]>([
    ['refused', { kind: 'failed', silent: false }],
    ['reset', { kind: 'failed', silent: false }],
    ['garbage', { kind: 'failed', silent: false }],
    ['timeout', { kind: 'failed', silent: true }],
    ['unreachable', { kind: 'failed', silent: true }],
    ['ours', { kind: 'blind' }],
    ['aborted', { kind: 'blind' }],
  ])('I9: what %s proves of the engine', async (failure, expected) => {
    expect(await probeOf(failure).run()).toMatchObject(expected)
  })
})

describe('a probe that asks about the network', () => {
  const STATUS = { status: 200, body: STATUS_BODY }
  const asking = { asksNetwork: true }

  test.each([true, false])('takes the word of the engine: connected is %s', async (connected) => {
    const body = JSON.stringify({ result: { connected } })
    const { run, asked } = probeOf(STATUS, NOT_FOUND, { status: 200, body })
    expect(await run(asking)).toEqual({ kind: 'ready', connected })
    expect(asked).toEqual([
      'http://10.0.0.2:19000/server/api?api_version=3&method=get_status',
      'http://10.0.0.2:19000/server/api?api_version=3&method=get_network_connection_status',
    ])
  })

  test.each<[string, Say]>([
    ['an unknown method', { status: 200, body: '{"error":{"message":"unknown","code":0}}' }],
    ['404', NOT_FOUND],
    ['401', { status: 401, body: '' }],
    ['500', { status: 500, body: '{"result":{"connected":false}}' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no boolean', { status: 200, body: '{"result":{"connected":"false"}}' }],
    ['silence', 'timeout'],
    ['a closed connection', 'reset'],
    ['trouble of our own', 'ours'],
  ])('I9: concludes nothing from %s, and finds the engine ready', async (_, say) => {
    expect(await probeOf(STATUS, NOT_FOUND, say).run(asking)).toEqual({ kind: 'ready' })
  })

  test('asks nothing of an engine that is not well', async () => {
    const { run, asked } = probeOf('refused')
    expect(await run(asking)).toMatchObject({ kind: 'failed' })
    expect(asked).toHaveLength(1)
  })
})
