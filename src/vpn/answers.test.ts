import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseOutcome,
  parsePortFile,
  parsePorts,
  parsePublicIp,
  parseStatus,
  parseVersion,
} from './answers.ts'

const port = fc.integer({ min: 1, max: 65_535 })

describe('the forwarded port', () => {
  test.each([
    ['{"port":0}', []],
    ['{"port":45000}', [45_000]],
    ['{"ports":[1,2]}', [1, 2]],
    ['{"port":0,"ports":[]}', []],
    ['{"port":45000,"ports":[45000]}', [45_000]],
    ['{"port":1,"ports":[1,2]}', [1, 2]],
    ['{"port":45000,"ports":null}', [45_000]],
    ['{"port":0,"ports":null}', []],
    ['{"ports":null}', []],
    ['{"port":45000,"ports":[0]}', [45_000]],
    ['{"ports":[7,0,7]}', [7]],
    [' {"port":45000,"new":{"field":1}}\n', [45_000]],
  ])('is read from %s', (body, expected) => {
    expect(parsePorts(body)).toEqual(expected)
  })

  test.each([
    '',
    'Unauthorized',
    'null',
    '[]',
    '45000',
    '{}',
    '{"error":"x"}',
    '{"port":"45000"}',
    '{"port":-1}',
    '{"port":65536}',
    '{"port":1.5}',
    '{"port":1e999}',
    '{"ports":"1"}',
    '{"ports":[null]}',
    '{"ports":[70000],"port":1}',
    '{"port":0',
  ])('is not made up from %j', (body) => {
    expect(parsePorts(body)).toBeUndefined()
  })

  test('is the same in every shape of every release', () => {
    fc.assert(
      fc.property(fc.uniqueArray(port, { maxLength: 5 }), (ports) => {
        const first = ports[0] ?? 0
        expect(parsePorts(JSON.stringify({ port: first, ports }))).toEqual(ports)
        expect(parsePorts(JSON.stringify({ ports }))).toEqual(ports)
        if (ports.length < 2) expect(parsePorts(JSON.stringify({ port: first }))).toEqual(ports)
        expect(parsePortFile(ports.join('\n'))).toEqual(ports)
      }),
    )
  })

  test('is never outside 1 to 65535, never doubled and never thrown over, whatever is sent', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ port: fc.anything(), ports: fc.anything() }).map((body) => JSON.stringify(body)),
      fc
        .record({ port: fc.integer(), ports: fc.array(fc.integer({ min: -2, max: 70_000 })) })
        .map((body) => JSON.stringify(body)),
    )
    fc.assert(
      fc.property(anything, (body) => {
        for (const ports of [parsePorts(body ?? ''), parsePortFile(body ?? '')]) {
          if (ports === undefined) continue
          expect(new Set(ports).size).toBe(ports.length)
          for (const one of ports) expect(one >= 1 && one <= 65_535).toBe(true)
        }
      }),
    )
  })

  test('is read from the status file, which is emptied when the port is lost', () => {
    expect(parsePortFile('')).toEqual([])
    expect(parsePortFile('45000')).toEqual([45_000])
    expect(parsePortFile('45000\r\n45001\n')).toEqual([45_000, 45_001])
    expect(parsePortFile('0\n')).toEqual([])
    for (const text of ['x', '45000 45001', '99999', '-1', '4500\0'])
      expect(parsePortFile(text)).toBeUndefined()
  })
})

describe('the VPN status', () => {
  test.each(['starting', 'running', 'stopping', 'stopped', 'crashed'])('may be %s', (status) => {
    expect(parseStatus(JSON.stringify({ status }))).toBe(status)
  })

  test('is unknown for a word of another release, and nothing for what is no status', () => {
    expect(parseStatus('{"status":"completed"}')).toBe('unknown')
    for (const body of ['', '{}', '{"status":1}', 'running', 'null', '{"outcome":"running"}'])
      expect(parseStatus(body)).toBeUndefined()
  })
})

describe('the public IP', () => {
  test('is an address, or empty while there is none', () => {
    expect(parsePublicIp('{"public_ip":"198.51.100.7","country":"X"}')).toBe('198.51.100.7')
    expect(parsePublicIp('{"public_ip":"2001:db8::1"}')).toBe('2001:db8::1')
    expect(parsePublicIp('{"public_ip":""}')).toBe('')
    expect(parsePublicIp('{"public_ip":null}')).toBe('')
  })

  test('I9: is not called empty by an answer that is not about it', () => {
    for (const body of ['', '{}', '{"public_ip":7}', '{"public_ip":"<html>"}', 'null'])
      expect(parsePublicIp(body)).toBeUndefined()
  })
})

test('the release and the outcome of a PUT are words, or nothing', () => {
  expect(parseVersion('{"version":"v3.41.3","commit":"x"}')).toBe('v3.41.3')
  expect(parseOutcome('{"outcome":"already running"}\n')).toBe('already running')
  for (const body of ['', 'Unauthorized', '{}', '{"version":"","outcome":1}', '[]', 'null']) {
    expect(parseVersion(body)).toBeUndefined()
    expect(parseOutcome(body)).toBeUndefined()
  }
})
