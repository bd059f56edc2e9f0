import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Listener, listen } from '../../src/api/listener.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import type { FleetStatus } from '../../src/telemetry/status.ts'
import { type ApiFixture, engine, id, makeApiFixture, status, vpn } from '../harness/api-fixture.ts'
import { type CliFakes, cliHere } from './in-process.ts'

let fixture: ApiFixture
let listener: Listener

beforeEach(async () => {
  fixture = await makeApiFixture()
  listener = await listen(fixture.app, { host: '127.0.0.1', port: 0 })
  await fixture.publishDemo()
})

afterEach(async () => {
  fixture.closing.abort()
  await listener[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
})

/** The command line at the fixture's server, on the fixture's time where it stands still. */
function ask(args: readonly string[], fakes: CliFakes = {}) {
  const { now } = fixture.clock
  const clock = { ...fixture.clock, now, sleep: () => new Promise<void>((go) => setTimeout(go, 5)) }
  return cliHere([...args, '--server', listener.url], { clock, ...fakes })
}

async function record(message: string, slot?: string) {
  fixture.recorder.record({
    at: fixture.clock.now(),
    fleet: 'demo',
    type: 'Normal',
    reason: 'EngineStarted',
    message,
    slot,
  })
  await fixture.recorder.flush()
}

describe('get', () => {
  it('prints engines as a table', async () => {
    const { code, out } = await ask(['get', 'engines'])
    expect(out).toBe(
      [
        'NAME      SLOT   VPN         PORT    FORWARDED   PHASE     READY   STREAMS   AGE',
        'demo.2    2      gluetun-a   19001   no          Running   yes           0   0s',
        'demo.3    3      gluetun-a   19001   no          Pending   no            0   0s',
        'demo.10   10     gluetun-a   19001   no          Running   yes           ?   0s',
        '',
      ].join('\n'),
    )
    expect(code).toBe(0)
  })

  it('prints who leads each fleet, and for how long, within 100 columns', async () => {
    const holder = '3f2a9c81d0e4:1-ab12'
    const reconciling = { type: 'Reconciling', status: 'True', reason: 'r', message: 'm', since: 1 }
    const ready = { ...reconciling, type: 'Ready' }
    const conditions = [ready, reconciling] as FleetStatus['conditions']
    await fixture.publish(status('demo', { conditions }))
    fixture.control.leadership = () => ({ holder, epoch: 7, leaseMs: 4_123, isSelf: false })
    const { out } = await ask(['get', 'fleets'])
    expect(out).toBe(
      [
        'NAME   READY   UPDATED   FORWARDED        STATUS              LEADER                LEASE   OBSERVED',
        'demo   2/2     2/2       demo.forwarded   Ready,Reconciling   3f2a9c81d0e4:1-ab12   4.1s    0s',
        '',
      ].join('\n'),
    )
    expect((await ask(['get', 'fleets', '-o', 'wide'])).out).toMatch(/EPOCH.*\n.* 7 /)
  })

  it('says none where nobody leads, and keeps who did for programs', async () => {
    expect((await ask(['get', 'fleets'])).out).toMatch(/LEADER +LEASE.*\ndemo .* none +- /)
    const { out } = await ask(['get', 'fleet', 'demo', '-o', 'json'])
    const nobody = { leader: null, epoch: null, leaseMs: null, leading: false }
    expect(JSON.parse(out)).toMatchObject({ ...nobody, lastLeader: 'host/1', lastEpoch: 1 })
  })

  it('says on standard error how old it is what is told while the store is away', async () => {
    await ask(['get', 'engines'])
    fixture.store.statuses = () => Promise.reject(new StoreUnavailable('Redis is away'))
    await fixture.clock.advance(90_000)
    const { code, out, err } = await ask(['get', 'engines'])
    expect(err).toBe("acefleet: the server's store does not answer: this is what it said 90s ago\n")
    expect(out).toContain('demo.10')
    expect(code).toBe(0)
    expect((await ask(['get', 'fleets'])).out).toContain('Ready,StoreUnavailable')
    const drain = await ask(['drain', 'demo.2'])
    expect(drain.err).toContain('the request may not have been taken down')
    expect(drain.code).toBe(1)
  })

  it('takes the singular and a name, and prints that one as one document', async () => {
    const { out } = await ask(['get', 'engine', 'demo.2', '-o', 'json'])
    expect(JSON.parse(out)).toMatchObject({ name: 'demo.2', slot: '2', mark: null })
    const list = await ask(['get', 'vpns', '-o', 'yaml'])
    expect(list.out).toMatch(/^items:\n {2}- name: gluetun-a\n/)
  })

  it.each([
    [['get', 'engine', 'nope'], 'no engine is named "nope"; there are: demo.2, demo.3, demo.10'],
    [['get', 'fleets', 'nope'], 'no fleet is named "nope"; there are: demo'],
    [['get', 'events', 'nope'], 'no fleet is named "nope"; there are: demo'],
    [['get', 'streams', 'nope'], 'no engine is named "nope"; there are: demo.2, demo.3, demo.10'],
    [['get', 'vpns', '--fleet', 'nope'], 'no fleet is named "nope"; there are: demo'],
    [
      ['get', 'engine', 'a/../b'],
      'no engine is named "a/../b"; there are: demo.2, demo.3, demo.10',
    ],
  ])('%j exits 1 with what there is', async (args, text) => {
    const { code, out, err } = await ask(args)
    expect([code, out, err]).toEqual([1, '', `acefleet: ${text}\n`])
  })

  it('says that there are none, and keeps standard output clean', async () => {
    const { code, out, err } = await ask(['get', 'streams'])
    expect([code, out, err]).toEqual([0, '', 'There are no streams.\n'])
    expect(JSON.parse((await ask(['get', 'streams', '-o', 'json'])).out)).toEqual({ items: [] })
  })

  it('says so when something else answers at the address', async () => {
    const { createServer } = await import('node:http')
    const other = createServer((_, response) => response.end('<html>'))
    await new Promise<void>((go) => other.listen(0, '127.0.0.1', go))
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : 0
    const { code, err } = await cliHere(['get', 'fleets', '--server', `127.0.0.1:${port}`])
    other.close()
    expect(err).toContain('is no acefleet server (HTTP 200)')
    expect(code).toBe(1)
  })
})

describe('get -w', () => {
  /** Starts a watch; `until` waits for its output, `end` interrupts it. */
  function start(args: readonly string[]) {
    const stop = new AbortController()
    let text = ''
    let wake = () => {}
    const result = ask([...args, '-w'], {
      signal: stop.signal,
      onOut: (out) => {
        text = out
        wake()
      },
    })
    const until = async (pattern: RegExp) => {
      while (!pattern.test(text)) {
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        await woken.promise
      }
    }
    const end = async () => {
      stop.abort()
      return result
    }
    return { until, end }
  }

  it('prints all, then only what changed and what went, and exits as interrupted', async () => {
    const watch = start(['get', 'engines'])
    await watch.until(/demo\.10/)
    const engines = [
      engine('demo.2', { containerId: id('b'), phase: 'Draining' }),
      engine('demo.3'),
    ]
    await fixture.publish(status('demo', { engines, vpns: [vpn('gluetun-a')] }))
    await watch.until(/demo\.10 is gone/)
    await watch.until(/demo\.2.*Draining/)
    const { code, out } = await watch.end()
    expect(out.match(/^NAME/gm)).toHaveLength(1)
    expect(out.match(/^demo\.2 /gm)).toHaveLength(2)
    expect(code).toBe(130)
  })

  it('follows events, each once, as one JSON document a line', async () => {
    await record('first')
    const watch = start(['get', 'events', '-o', 'json'])
    await watch.until(/first/)
    await record('second')
    await watch.until(/second/)
    const { out } = await watch.end()
    const messages = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).message)
    expect(messages).toEqual(['first', 'second'])
  })

  it('prints no fleet anew because its lease ticks, in a table or for programs', async () => {
    let leaseMs = 6_000
    let looks = 0
    fixture.control.leadership = () => {
      leaseMs -= 10
      looks += 1
      return { holder: 'nas:1', epoch: 7, leaseMs, isSelf: true }
    }
    for (const format of ['table', 'json']) {
      looks = 0
      const watch = start(['get', 'fleets', '-o', format])
      await vi.waitUntil(() => looks > 5)
      const { out } = await watch.end()
      expect(out.match(/nas:1/g)).toHaveLength(1)
    }
  })

  it('waits for a server that goes away, and goes on when it is back', async () => {
    const watch = start(['get', 'fleets'])
    await watch.until(/demo/)
    const { port } = listener
    await listener[Symbol.asyncDispose]()
    await new Promise((go) => setTimeout(go, 50))
    listener = await listen(fixture.app, { host: '127.0.0.1', port })
    await fixture.publish(status('demo', { ready: 1 }))
    await watch.until(/1\/2/)
    const { err } = await watch.end()
    expect(err).toContain('the server does not answer, waiting for it')
    expect(err).toContain('the server is back')
  })
})

describe('describe', () => {
  it('prints all of a fleet: conditions, nodes, engines, events and spec', async () => {
    await fixture.store.acceptSpec({
      fleet: 'demo',
      generation: 1,
      hash: 'h',
      document: { spec: { replicas: 3 } },
      source: 'specs/demo.yaml',
      acceptedAt: fixture.clock.now(),
    })
    await record('engine started', '2')
    const { out } = await ask(['describe', 'fleet', 'demo'])
    expect(out).toMatch(/^Name: +demo\n/)
    expect(out).toContain('Document:    h in specs/demo.yaml\n')
    expect(out).toMatch(/Conditions:\n {2}TYPE.*\n {2}Ready +True/)
    expect(out).toMatch(/VPN nodes:\n {2}NAME.*\n {2}gluetun-a/)
    expect(out).toMatch(/Engines:\n {2}NAME.*\n {2}demo\.2/)
    expect(out).toMatch(/Events:\n {2}LAST SEEN.*\n.*engine started/)
    expect(out).toMatch(/Spec:\n {2}spec:\n {4}replicas: 3\n$/)
  })

  it('prints who leads a fleet, and which replicas live and what they declare', async () => {
    const declares = { demo: { hash: '0123456789abcdef', source: 'specs/demo.yaml:1' } }
    const startedAt = fixture.clock.now()
    fixture.control.leadership = () => ({
      ...{ holder: 'nas:2', epoch: 7, leaseMs: 4_123, isSelf: false },
    })
    fixture.control.replicas = () => [
      { holder: 'nas:1', startedAt, leads: [], declares: {}, agoMs: 0 },
      { holder: 'nas:2', startedAt, leads: ['demo'], declares, agoMs: 1_250 },
    ]
    const { out } = await ask(['describe', 'fleet', 'demo'])
    expect(out).toMatch(/^Leader: +nas:2 \(the last was host\/1\)$/m)
    expect(out).toMatch(/^Epoch: +7$/m)
    expect(out).toMatch(/^Lease: +4\.1s$/m)
    expect(out).toContain(
      [
        'Live replicas:',
        '  NAME    LEADS   DECLARES   IN                  HEARD      AGE',
        '  nas:1   no      -          -                   0.0s ago   0s',
        '  nas:2   yes     01234567   specs/demo.yaml:1   1.3s ago   0s',
        '',
      ].join('\n'),
    )
    fixture.control.leadership = () => undefined
    const leaderless = await ask(['describe', 'fleet', 'demo'])
    expect(leaderless.out).toMatch(/^Leader: +none \(the last was host\/1\)$/m)
    expect(leaderless.out).toMatch(/^Epoch: +none \(the last was 1\)$/m)
    expect(leaderless.out).toMatch(/^Lease: +-$/m)
  })

  it('prints of an engine only its own events', async () => {
    await record('mine', '2')
    await record('not mine', '3')
    const { out } = await ask(['describe', 'engine', 'demo.2'])
    expect(out).toMatch(/Mark: +none/)
    expect(out).toContain('mine')
    expect(out).not.toContain('not mine')
  })

  it('prints why the forwarded engine is where it is, and how it does beside the others', async () => {
    const containerId = id('f')
    const content = 'infohash:0123456789abcdef0123456789abcdef01234567'
    const held = { slot: 'forwarded', node: 'gluetun-a', rule: 'preferred', held: true } as const
    await fixture.publish(
      status('demo', {
        engines: [engine('demo.forwarded', { forwarded: true, containerId }), engine('demo.0')],
        vpns: [vpn('gluetun-a', { portLosses: 3 })],
        forwarding: [{ ...held, candidates: [] }],
      }),
    )
    const now = fixture.clock.now()
    await fixture.store.reserve(
      'demo',
      {
        ...{ id: 'r', containerId, content, holder: 'nas:1', state: 'active', relay: '' },
        ...{ expiresAt: now + 10_000, lastBytesAt: now },
        stat: { peers: 23, downBytesPerS: 512_000, upBytesPerS: 184_320 },
        figures: {
          ...{ viewers: 4, startedAt: now - 61_000, bitsPerS: 8_040_000 },
          ...{ bufferedMs: 9_960, skippedBytes: 0 },
        },
      },
      2,
      now,
    )
    const fleet = await ask(['describe', 'fleet', 'demo'])
    expect(fleet.out).toMatch(/^Forwarded on: +gluetun-a: preferred by spec$/m)
    expect(fleet.out).toMatch(
      /^P2P quality: +forwarded: 23 peers, 180 KiB\/s up, 500 KiB\/s down; others: unknown; per stream$/m,
    )
    const row =
      /^infohash:0123456789ab +active +4 +demo\.forwarded +yes +8\.0 Mbit\/s +10\.0s +23 +500 KiB\/s +180 KiB\/s +61s +nas:1$/m
    expect((await ask(['get', 'streams'])).out).toMatch(row)
    expect((await ask(['get', 'streams', 'demo.0'])).out).toBe('')
    expect((await ask(['get', 'streams', '-o', 'wide'])).out).toContain(content.slice(9))
    const forwarded = await ask(['describe', 'engine', 'demo.forwarded'])
    expect(forwarded.out).toMatch(/^Sessions:$/m)
    expect(forwarded.out).toContain('infohash:0123456789ab')
    expect(forwarded.out).toMatch(/^Forwarded on: +gluetun-a: preferred by spec$/m)
    expect((await ask(['describe', 'engine', 'demo.0'])).out).not.toContain('Forwarded on')
    const node = await ask(['describe', 'vpn', 'gluetun-a'])
    expect(node.out).toMatch(/^Port losses: +3 in the last hour$/m)
    expect((await ask(['get', 'vpns', '-o', 'wide'])).out).toMatch(/PORT LOSSES.*\n.* 3 /)
  })

  it('prints what was asked of a node', async () => {
    await fixture.store.addRequest('demo', { kind: 'drainNode', node: 'gluetun-a' })
    const { out } = await ask(['describe', 'vpn', 'gluetun-a'])
    expect(out).toMatch(/Requests: +drain of gluetun-a/)
    expect(out).toMatch(/Engines: +demo\.2, demo\.3, demo\.10/)
  })
})

describe('requests', () => {
  it('drains an engine or a node, by what the name is', async () => {
    expect((await ask(['drain', 'demo.2'])).code).toBe(0)
    expect((await ask(['drain', 'gluetun-a'])).code).toBe(0)
    expect((await ask(['drain', 'vpn/gluetun-b'])).code).toBe(0)
    expect(await fixture.requestsOf('demo')).toEqual(
      expect.arrayContaining([
        { kind: 'drainEngine', containerId: id('b') },
        { kind: 'drainNode', node: 'gluetun-a' },
        { kind: 'drainNode', node: 'gluetun-b' },
      ]),
    )
  })

  it('says what there is when the name is neither', async () => {
    const { code, err } = await ask(['drain', 'nope'])
    expect(err).toBe(
      'acefleet: no engine or VPN node is named "nope"; there are: ' +
        'demo.2, demo.3, demo.10, gluetun-a, gluetun-b\n',
    )
    expect(code).toBe(1)
  })

  it('cordons and uncordons', async () => {
    expect((await ask(['cordon', 'gluetun-a'])).out).toBe(
      'gluetun-a is cordoned: no new engines there\n',
    )
    expect(await fixture.requestsOf('demo')).toHaveLength(1)
    await ask(['uncordon', 'gluetun-a'])
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it('asks for the forwarded engine to move, and passes on why it cannot', async () => {
    const moved = await ask(['forward', '--to', 'gluetun-a', '--fleet', 'demo'])
    expect(moved.out).toContain('the forwarded engine of demo is to move to gluetun-a')
    expect(moved.code).toBe(0)
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'forward', node: 'gluetun-a' }])
    const { out } = await ask(['describe', 'fleet', 'demo'])
    expect(out).toMatch(/^Requests: +forwarded engine to gluetun-a$/m)
    const refused = await ask(['forward', '--to', 'gluetun-b'])
    expect([refused.code, refused.out]).toEqual([1, ''])
    expect(refused.err).toMatch(/^acefleet: VPN node "gluetun-b" is cordoned: acefleet uncordon/)
    const aimless = await ask(['forward'])
    expect(aimless.err).toContain("required option '--to <vpn>' not specified")
    expect(aimless.code).not.toBe(0)
  })

  it('passes on why a fleet is not deleted, and deletes it when it may', async () => {
    fixture.control.declaredIn = () => 'specs/demo.yaml:3'
    const refused = await ask(['delete', 'demo'])
    expect(refused.err).toBe(
      'acefleet: fleet "demo" is still declared: remove it from specs/demo.yaml:3 first\n',
    )
    expect(refused.code).toBe(1)
    fixture.control.declaredIn = () => undefined
    expect((await ask(['delete', 'demo'])).code).toBe(0)
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'delete' }])
  })
})
