import { describe, expect, it } from 'vitest'
import { makeLogger } from './log.ts'

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 6)

function collect(options: { pretty: boolean; level?: 'debug' | 'info' }) {
  const lines: string[] = []
  const log = makeLogger({
    level: options.level ?? 'info',
    pretty: options.pretty,
    colour: false,
    clock: { now: () => AT },
    to: { write: (text) => lines.push(text) },
  })
  return { log, lines, text: () => lines.join('') }
}

describe('the JSON log', () => {
  it('writes one line per entry with an ISO time and the level as a word', () => {
    const { log, lines } = collect({ pretty: false })
    log.info({ fleet: 'home', slot: '3', vpn: 'gluetun-a', reason: 'EngineStarted' }, 'started')
    expect(lines).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.006Z","fleet":"home","slot":"3",' +
        '"vpn":"gluetun-a","reason":"EngineStarted","msg":"started"}\n',
    ])
  })

  it('keeps below the level what is below it', () => {
    const { log, lines } = collect({ pretty: false })
    log.debug('nothing changed')
    expect(lines).toEqual([])
  })

  it('never prints secrets or headers, at any depth, in children or in errors', () => {
    const { log, text } = collect({ pretty: false })
    const cause = Object.assign(new Error('inner'), { config: { headers: { 'X-API-Key': 'S1' } } })
    const error = Object.assign(new Error('outer', { cause }), { request: { authorization: 'S2' } })
    log.child({ apiKey: 'S3' }).warn({ err: error, deep: [{ x: { Password: 'S4' } }] }, 'told')
    log.info({ request: { rawHeaders: ['S10'], headers: { 'x-own': 'S11' } } }, 'nested')
    log.info({ headers: { a: 'S5' }, options: { 'x-api-key': 'S6', api_key: 'S7' } }, 'asked')
    log.info('see http://user:S8@host/path?api_key=S9&x=1')
    log.error(error)
    expect(text()).not.toMatch(/S\d/)
    expect(text()).toContain('[redacted]')
    expect(text()).toContain('"message":"inner"')
  })

  it('gives a stack only to errors that are not our own', () => {
    const { log, lines } = collect({ pretty: false })
    log.error({ err: Object.assign(new Error('held'), { code: 'ACE_STORE_HELD' }) }, 'no')
    log.error({ err: new TypeError('bug') }, 'oops')
    expect(JSON.parse(lines[0] ?? '').err).toEqual({
      type: 'Error',
      message: 'held',
      code: 'ACE_STORE_HELD',
    })
    expect(JSON.parse(lines[1] ?? '').err.stack).toContain('log.test.ts')
  })

  it('survives values that JSON cannot hold', () => {
    const { log, lines } = collect({ pretty: false })
    const circle: Record<string, unknown> = { big: 12n, map: new Map([['a', 1]]) }
    circle.self = circle
    log.info({ circle }, 'odd')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '').circle.big).toBe('12')
  })
})

describe('the readable log', () => {
  it('shows time, level, place, message, error, reason and the rest in one line', () => {
    const { log, lines } = collect({ pretty: true })
    const err = Object.assign(new Error('no such image'), { code: 'ACE_DOCKER' })
    log.warn(
      { fleet: 'home', slot: '3', vpn: 'a', reason: 'CreateFailed', tries: 2, err },
      'failed',
    )
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^\[\d\d:\d\d:05\.006\] WARN: home\.3 @a {2}failed: no such image \(CreateFailed\) tries=2\n$/,
    )
  })

  it('leaves no gaps where there is no place, reason or rest', () => {
    const { log, lines } = collect({ pretty: true })
    log.info('ready')
    expect(lines[0]).toMatch(/INFO: ready\n$/)
  })
})
