import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ContainerDetail, ContainerId } from '../docker/port.ts'
import type { ControlFailure, ControlReading } from '../observe/observation.ts'
import {
  type EngineWord,
  type Judgement,
  judgeNode,
  type NodeContainer,
  type NodeSigns,
} from './judge.ts'

const SETTINGS = { downGraceMs: 15_000, portGraceMs: 300_000, wordFreshMs: 45_000 }
const T0 = 1_000_000

function container(detail: Partial<ContainerDetail> = {}): NodeContainer {
  return {
    kind: 'found',
    detail: {
      id: 'a'.repeat(64) as ContainerId,
      name: 'gluetun-a',
      labels: {},
      state: 'running',
      networkMode: 'bridge',
      image: 'gluetun',
      createdAt: T0,
      startedAt: T0,
      startedAtText: '2026-01-01T00:00:00.000000001Z',
      finishedAt: 0,
      exitCode: 0,
      error: '',
      oomKilled: false,
      health: 'healthy',
      addresses: {},
      ...detail,
    },
  }
}

const reading = (more: Partial<ControlReading> = {}): ControlReading => ({
  kind: 'reading',
  status: 'running',
  publicIp: '198.51.100.7',
  publicIpEnabled: true,
  ports: [45_000],
  at: T0,
  ...more,
})

const failure = (more: Partial<ControlFailure> = {}): ControlFailure => ({
  kind: 'unreachable',
  message: 'silence',
  at: T0,
  ...more,
})

const signs = (more: Partial<NodeSigns> = {}): NodeSigns => ({
  name: 'gluetun-a',
  container: container(),
  control: reading(),
  words: [],
  connectedElsewhereAt: undefined,
  ...more,
})

/** Judges a story of [ms since the start, signs], and gives the last judgement. */
function tell(...story: readonly (readonly [number, Partial<NodeSigns>])[]): Judgement {
  let last: Judgement | undefined
  for (const [ms, change] of story) last = judgeNode(signs(change), last, SETTINGS, T0 + ms)
  if (last === undefined) throw new Error('an empty story')
  return last
}

const NO_IP = { control: reading({ publicIp: '' }) }
const NO_TUNNEL = { control: reading({ publicIp: '', ports: [] }) }

describe('a node', () => {
  test('is up when container, VPN, public IP and health agree', () => {
    expect(tell([0, {}])).toMatchObject({ state: 'up', reason: 'VpnRunning', lost: false })
    expect(tell([0, { container: container({ health: 'none' }) }]).state).toBe('up')
    expect(tell([0, { container: container({ health: 'starting' }) }]).state).toBe('up')
  })

  test.each<[string, Partial<NodeSigns>]>([
    ['ContainerMissing', { container: { kind: 'absent' } }],
    ['ContainerNotRunning', { container: container({ state: 'exited', exitCode: 137 }) }],
    ['ContainerNotRunning', { container: container({ state: 'paused' }) }],
    ['Unhealthy', { container: container({ health: 'unhealthy' }) }],
    ['VpnStopped', { control: reading({ status: 'stopped', publicIp: '', ports: [] }) }],
    ['VpnCrashed', { control: reading({ status: 'crashed' }) }],
    [
      'Unhealthy',
      { container: container({ health: 'unhealthy' }), control: failure({ kind: 'refused' }) },
    ],
  ])('is down at once on proof: %s', (reason, proof) => {
    expect(tell([0, {}], [1_000, proof])).toMatchObject({
      state: 'down',
      reason,
      lost: false,
      since: T0 + 1_000,
      reviewAt: T0 + 16_000,
    })
  })

  test('is lost once it has been down for the grace, and no more when it is up again', () => {
    const down = { container: container({ health: 'unhealthy' }) } as const
    expect(tell([0, {}], [1, down], [15_000, down]).lost).toBe(false)
    expect(tell([0, {}], [1, down], [15_001, down])).toMatchObject({ lost: true, since: T0 + 1 })
    expect(tell([0, {}], [1, down], [20_000, {}])).toMatchObject({ state: 'up', lost: false })
  })

  test('I9: is unknown, and never lost, for as long as it can not be read', () => {
    const blind: readonly Partial<NodeSigns>[] = [
      { control: failure() },
      { control: failure({ kind: 'refused' }) },
      { control: failure({ kind: 'missing' }) },
      { control: reading({ status: 'unknown' }) },
      { container: { kind: 'unread', message: 'Docker hangs' } },
    ]
    for (const sign of blind)
      for (const before of [{}, NO_TUNNEL, { container: container({ health: 'unhealthy' }) }])
        expect(tell([0, {}], [1, before], [40_000, sign], [9_000_000, sign])).toMatchObject({
          state: 'unknown',
          lost: false,
        })
  })

  test('says why it is unknown in the words of the failure', () => {
    const refused = failure({ kind: 'refused', message: 'Add this to config.toml' })
    expect(tell([0, { control: refused }])).toMatchObject({
      reason: 'ControlRefused',
      message: 'Add this to config.toml',
    })
  })

  test('I9: is unknown through a reconnect of 4 s, and down after one that takes longer', () => {
    for (const sign of [
      NO_TUNNEL,
      { control: reading({ status: 'starting' }) },
      { control: reading({ status: 'stopping' }) },
    ]) {
      expect(tell([0, {}], [1_000, sign])).toMatchObject({ state: 'unknown', reviewAt: T0 + 6_000 })
      expect(tell([0, {}], [1_000, sign], [5_000, sign], [5_100, {}]).state).toBe('up')
      expect(tell([0, {}], [1_000, sign], [6_000, sign]).state).toBe('down')
      // Two short ones in a row are not one long one.
      expect(tell([0, {}], [1, sign], [4_000, {}], [5_000, sign], [6_000, sign]).state).toBe(
        'unknown',
      )
    }
  })

  test('is not up while its restarted container connects, and stays down until it is', () => {
    const again = { startedAtText: '2026-01-01T00:01:00Z', health: 'starting' } as const
    const exited = { container: container({ state: 'exited' }) }
    const starting = {
      container: container(again),
      control: reading({ status: 'starting', publicIp: '', ports: [] }),
    }
    const running = { container: container(again), control: reading() }
    expect(tell([0, {}], [1, exited], [2, starting]).state).toBe('down')
    expect(tell([0, {}], [1, exited], [2, starting], [3, running]).state).toBe('up')
    expect(tell([0, {}], [2, starting]).state).toBe('unknown')
  })

  describe('that runs without a public IP', () => {
    test('I9: is not called down for that alone while Docker calls it healthy', () => {
      let last = tell([0, {}])
      for (let ms = 1_000; ms < 3_600_000; ms += 1_000) {
        last = judgeNode(signs(NO_IP), last, SETTINGS, T0 + ms)
        expect(last.state).not.toBe('down')
        // A broken tunnel would have turned unhealthy by then.
        expect(last.state).toBe(ms < 121_000 ? 'unknown' : 'up')
      }
    })

    test('comes up after 30 s of good health where look-ups are off', () => {
      const noPort = { control: reading({ publicIp: '', ports: [] }) }
      expect(tell([0, noPort], [29_999, noPort]).state).toBe('unknown')
      expect(tell([0, noPort], [30_000, noPort])).toMatchObject({
        state: 'up',
        reason: 'PublicIpUnknown',
      })
      const blip = { control: failure() }
      expect(tell([0, noPort], [30_000, noPort], [31_000, blip], [32_000, noPort]).state).toBe('up')
    })

    test('goes down when it turns unhealthy, however long it was vouched for', () => {
      const unhealthy = { ...NO_IP, container: container({ health: 'unhealthy' }) }
      expect(tell([0, NO_IP], [30_000, NO_IP], [31_000, unhealthy]).state).toBe('down')
    })

    test('is down after 30 s where there is no health check, and it had an address before', () => {
      const unchecked = { container: container({ health: 'none' }) }
      const noIp = { ...unchecked, ...NO_IP }
      expect(tell([0, unchecked], [1, noIp], [30_000, noIp]).state).toBe('unknown')
      expect(tell([0, unchecked], [1, noIp], [30_001, noIp]).state).toBe('down')
      expect(tell([0, noIp], [3_600_000, noIp]).state).toBe('unknown')
    })

    test('is up by its health where the route is refused', () => {
      const control = reading({ publicIp: '', publicIpEnabled: false, gaps: { publicIp: 'no' } })
      expect(tell([0, { control }])).toMatchObject({ state: 'up', reason: 'PublicIpUnknown' })
      for (const health of ['none', 'starting'] as const)
        expect(tell([0, { control, container: container({ health }) }]).state).toBe('unknown')
    })
  })
})

describe('a node whose engines speak', () => {
  const READY_AT = T0 - 3_600_000
  const saying = (connected: boolean, sinceMs: number, atMs: number): EngineWord => ({
    connected,
    since: T0 + sinceMs,
    at: T0 + atMs,
    readyAt: READY_AT,
  })
  /** Cut off since the first second, while another node is well. */
  const frozen = (ms: number): [number, Partial<NodeSigns>] => [
    ms,
    { words: [saying(false, 1_000, ms)], connectedElsewhereAt: T0 + ms },
  ]
  const well = (ms: number): [number, Partial<NodeSigns>] => [ms, { words: [saying(true, 0, ms)] }]
  const death = [well(0), frozen(1_000), frozen(41_000)]

  test('that looks healthy and is frozen is degraded, then down, then lost', () => {
    expect(tell(well(0), frozen(1_000), frozen(10_000))).toMatchObject({ state: 'up' })
    expect(tell(well(0), frozen(1_000), frozen(11_000))).toMatchObject({
      state: 'degraded',
      reason: 'EnginesOffline',
      since: T0 + 11_000,
      lost: false,
    })
    expect(tell(...death)).toMatchObject({ state: 'down', reason: 'TunnelDead', lost: false })
    expect(tell(...death, frozen(56_000))).toMatchObject({ state: 'down', lost: true })
  })

  test('is tried again at once when it came back with another address between two looks', () => {
    const control = reading({ publicIp: '198.51.100.99' })
    expect(tell(...death, [60_000, { words: [] }]).state).toBe('down')
    expect(tell(...death, [60_000, { words: [], control }])).toMatchObject({
      state: 'up',
      reconnectedAt: T0 + 60_000,
    })
  })

  test('is up again as soon as one of them is connected, and that counts as a reconnect', () => {
    expect(tell(...death, well(50_000))).toMatchObject({
      state: 'up',
      reconnectedAt: T0 + 50_000,
      flaps: { downs: [T0 + 41_000] },
    })
  })

  test('I9: is unknown, not down, while it cannot be read, and down again when it can', () => {
    const blind = { words: [saying(false, 1_000, 42_000)], control: failure() }
    expect(tell(...death, [42_000, blind])).toMatchObject({ state: 'unknown', lost: false })
    expect(tell(...death, [42_000, blind], frozen(43_000))).toMatchObject({
      state: 'down',
      since: T0 + 43_000,
    })
    expect(tell([0, {}], [1_000, blind], [60_000, blind]).state).toBe('unknown')
  })

  test('gives a tunnel that came back the time to serve them', () => {
    const stopped: [number, Partial<NodeSigns>] = [
      60_000,
      { control: reading({ status: 'stopped', publicIp: '', ports: [] }) },
    ]
    const back = tell(...death, stopped, frozen(70_000))
    expect(back).toMatchObject({ state: 'up', reconnectedAt: T0 + 70_000 })
    expect(tell(...death, stopped, frozen(70_000), frozen(79_000)).state).toBe('up')
    expect(tell(...death, stopped, frozen(70_000), frozen(80_000)).state).toBe('degraded')
  })

  test('keeps nothing of that for another generation', () => {
    const again = { container: container({ startedAtText: '2026-01-01T00:01:00Z' }) }
    expect(tell(...death, [42_000, again])).toMatchObject({ state: 'up', condemnations: 0 })
  })

  test('that fell twice within an hour takes no new work for 10 s, and says until when', () => {
    const unhealthy = { container: container({ health: 'unhealthy' }) }
    const twice: [number, Partial<NodeSigns>][] = [
      [0, {}],
      [1_000, unhealthy],
      [2_000, {}],
      [3_000, unhealthy],
      [4_000, {}],
    ]
    expect(tell(...twice.slice(0, 3)).state).toBe('up')
    const held = tell(...twice)
    expect(held).toMatchObject({ state: 'degraded', reason: 'Flapping', reviewAt: T0 + 14_000 })
    expect(held.message).toContain(new Date(T0 + 14_000).toISOString())
    expect(tell(...twice, [14_000, {}]).state).toBe('up')
  })
})

describe('the forwarded port', () => {
  const none = { control: reading({ ports: [] }) }
  const again = { container: container({ startedAtText: '2026-01-01T00:01:00Z' }) }

  test('counts when granted, and a different one at once', () => {
    expect(tell([0, {}]).forwardedPort).toBe(45_000)
    const other = { control: reading({ ports: [45_001] }) }
    expect(tell([0, {}], [1, other])).toMatchObject({ forwardedPort: 45_001, state: 'up' })
    expect(tell([0, {}], [1, none], [2, other]).forwardedPort).toBe(45_001)
  })

  test('keeps the one in use among several', () => {
    const several = { control: reading({ ports: [1, 45_000] }) }
    expect(tell([0, {}], [1, several]).forwardedPort).toBe(45_000)
    expect(tell([1, several]).forwardedPort).toBe(1)
  })

  test('is held for the grace when lost, which never changes the state', () => {
    expect(tell([0, {}], [1_000, none])).toMatchObject({
      forwardedPort: 45_000,
      portLostAt: T0 + 1_000,
      state: 'up',
      reviewAt: T0 + 301_000,
    })
    expect(tell([0, {}], [1_000, none], [300_999, none]).forwardedPort).toBe(45_000)
    expect(tell([0, {}], [1_000, none], [301_000, none])).toMatchObject({
      forwardedPort: 0,
      state: 'up',
    })
    expect(tell([0, none])).toMatchObject({ forwardedPort: 0, state: 'up' })
  })

  test('outlives flapping, each loss with a grace of its own', () => {
    const story: [number, Partial<NodeSigns>][] = [[0, {}]]
    for (let ms = 1; ms < 7_200_000; ms += 200_000) story.push([ms, none], [ms + 190_000, {}])
    expect(tell(...story, [7_300_000, none]).forwardedPort).toBe(45_000)
  })

  test('I9: is not lost by silence, however long', () => {
    for (const sign of [
      { control: failure() },
      { control: reading({ ports: [], gaps: { ports: 'refused' } }) },
      { container: { kind: 'unread', message: '' } as const },
    ])
      expect(tell([0, {}], [1, sign], [900_000, sign]).forwardedPort).toBe(45_000)
  })

  test('comes from the status file while the control server is silent', () => {
    expect(tell([0, {}], [1, { control: failure({ ports: [45_002] }) }])).toMatchObject({
      state: 'unknown',
      forwardedPort: 45_002,
    })
  })

  test('is not carried into another generation', () => {
    expect(tell([0, {}], [1, { ...again, ...none }]).forwardedPort).toBe(0)
    expect(tell([0, {}], [1, { ...again, control: failure() }]).forwardedPort).toBe(0)
    expect(tell([0, {}], [1, { container: { kind: 'absent' } }]).forwardedPort).toBe(0)
  })
})

describe('whatever the signs', () => {
  const anyWord: fc.Arbitrary<EngineWord> = fc
    .tuple(fc.boolean(), fc.nat(400_000), fc.nat(60_000))
    .map(([connected, since, more]) => ({
      connected,
      since: T0 + since,
      at: T0 + since + more,
      readyAt: T0 - 60_000,
    }))
  const anySigns: fc.Arbitrary<Partial<NodeSigns>> = fc.record({
    container: fc.oneof(
      fc.constant<NodeContainer>({ kind: 'absent' }),
      fc.constant<NodeContainer>({ kind: 'unread', message: 'no' }),
      fc
        .record({
          health: fc.constantFrom('none', 'starting', 'healthy', 'unhealthy'),
          state: fc.constantFrom('running', 'running', 'running', 'exited', 'paused'),
          startedAtText: fc.constantFrom('1', '1', '1', '2'),
        })
        .map((detail) => container(detail as Partial<ContainerDetail>)),
    ),
    control: fc.oneof(
      fc.constantFrom(failure(), failure({ kind: 'refused' }), failure({ ports: [] })),
      fc
        .record({
          status: fc.constantFrom('starting', 'running', 'running', 'stopped', 'unknown'),
          publicIp: fc.constantFrom('', '198.51.100.7'),
          ports: fc.constantFrom([], [45_000], [45_001]),
        })
        .map((more) => reading(more as Partial<ControlReading>)),
    ),
    words: fc.array(anyWord, { maxLength: 2 }),
    connectedElsewhereAt: fc.option(fc.integer({ min: T0, max: T0 + 800_000 }), { nil: undefined }),
  })
  const stories = fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), anySigns), {
    minLength: 1,
    maxLength: 40,
  })

  test('I9: down needs a word of Docker or Gluetun, lost needs the whole grace of it', () => {
    fc.assert(
      fc.property(stories, (story) => {
        let now = T0
        let last: Judgement | undefined
        for (const [ms, change] of story) {
          now += ms
          const all = signs(change)
          const next = judgeNode(all, last, SETTINGS, now)
          const canTell =
            all.container.kind === 'absent' ||
            (all.container.kind === 'found' &&
              (all.control.kind === 'reading' ||
                all.container.detail.state !== 'running' ||
                all.container.detail.health === 'unhealthy'))
          if (next.state === 'down') expect(canTell).toBe(true)
          if (next.state === 'up' || next.state === 'degraded')
            expect(all.control.kind).toBe('reading')
          const isCutOff = all.words.some((word) => !word.connected)
          if (next.reason === 'EnginesOffline') expect(isCutOff).toBe(true)
          if (next.reason === 'TunnelDead' && last?.tunnel?.condemnedAt === undefined)
            expect(isCutOff && all.connectedElsewhereAt !== undefined).toBe(true)
          expect(next.lost).toBe(next.state === 'down' && now - next.since >= 15_000)
          expect(next.since).toBe(next.state === last?.state ? last.since : now)
          if (next.reviewAt !== undefined) expect(next.reviewAt).toBeGreaterThan(now)
          last = next
        }
      }),
    )
  })

  test('L1: is up once all signs have been good for long enough', () => {
    fc.assert(
      fc.property(stories, (story) => {
        let now = T0
        let last: Judgement | undefined
        for (const [ms, change] of story) {
          now += ms
          last = judgeNode(signs(change), last, SETTINGS, now)
        }
        for (let i = 0; i < 100; i++) {
          now = last?.reviewAt ?? now + 10_000
          last = judgeNode(signs(), last, SETTINGS, now)
        }
        expect(last).toMatchObject({ state: 'up', lost: false, reason: 'VpnRunning' })
        expect(judgeNode(signs(), last, SETTINGS, now + 3_600_000).state).toBe('up')
      }),
    )
  })

  test('L1: a judgement repeated in the same instant is the same', () => {
    fc.assert(
      fc.property(stories, (story) => {
        let now = T0
        let last: Judgement | undefined
        for (const [ms, change] of story) {
          now += ms
          last = judgeNode(signs(change), last, SETTINGS, now)
          expect(judgeNode(signs(change), last, SETTINGS, now)).toEqual(last)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('since when a node is ready', () => {
  const SILENT = { control: failure() }

  test('counts from the first look that found it up', () => {
    expect(tell([0, {}], [60_000, {}])).toMatchObject({ readySince: T0 })
    expect(tell([0, NO_IP]).readySince).toBeUndefined()
  })

  test('I9: goes on through looks that tell nothing', () => {
    expect(tell([0, {}], [5_000, SILENT])).toMatchObject({ state: 'unknown', readySince: T0 })
    expect(tell([0, {}], [5_000, SILENT], [90_000, {}])).toMatchObject({ readySince: T0 })
  })

  test('begins anew after a reconnect, seen or missed between two looks', () => {
    expect(tell([0, {}], [5_000, NO_TUNNEL], [9_000, {}])).toMatchObject({ readySince: T0 + 9_000 })
    const elsewhere = { control: reading({ publicIp: '203.0.113.9' }) }
    expect(tell([0, {}], [9_000, elsewhere])).toMatchObject({ readySince: T0 + 9_000 })
  })

  test('begins anew with another run of its container, while port losses go on counting', () => {
    const restarted = container({ startedAtText: '2026-01-01T01:00:00.000000001Z' })
    const last = tell(
      [0, {}],
      [1_000, { control: reading({ ports: [] }) }],
      [2_000, {}],
      [9_000, { container: restarted }],
    )
    expect(last).toMatchObject({ readySince: T0 + 9_000, portLosses: [T0 + 1_000] })
  })

  test('is not told of one that is down or degraded', () => {
    const stopped = { control: reading({ status: 'stopped' }) }
    expect(tell([0, {}], [5_000, stopped]).readySince).toBeUndefined()
  })
})
