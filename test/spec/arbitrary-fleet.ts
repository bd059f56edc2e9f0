import fc from 'fast-check'
import { defaultImage } from '../../src/engine/variants/default-image.ts'
import type { EngineSettings, Fleet, PortRange, VpnNode } from '../../src/spec/fleet.ts'
import { VARIANTS } from '../../src/spec/schema.ts'

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
const containerName = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_-]{1,20}$/)
const path = fc.stringMatching(/^\/[a-z/]{1,20}$/)
/** Any text that YAML must quote sooner or later. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !each.includes('\0'))
const duration = (leastMs: number) => fc.integer({ min: leastMs, max: 604_800_000 })
const orNever = (leastMs: number) => fc.oneof(duration(leastMs), fc.constant('never' as const))

const control: fc.Arbitrary<VpnNode['control']> = fc.oneof(
  fc.constant({}),
  fc.record({ apiKeyFile: path }),
  fc.record({ url: fc.constant('http://gluetun:8000'), usernameFile: path, passwordFile: path }),
)

const engine: fc.Arbitrary<EngineSettings> = fc
  .record({
    variant: fc.constantFrom(...VARIANTS),
    ownImage: fc.option(
      fc.constantFrom(
        'acefleet/standin-engine:dev',
        'r.io:5000/a/b@sha256:'.concat('0'.repeat(64)),
      ),
    ),
    pullPolicy: fc.constantFrom('IfNotPresent', 'Always', 'Never'),
    env: fc.dictionary(fc.stringMatching(/^MY_[A-Z]{1,5}$/), text, { noNullPrototype: true }),
    maxStreams: fc.integer({ min: 1, max: 1_000 }),
    resources: fc.record(
      {
        memoryBytes: fc
          .integer({ min: 6 * 2 ** 20, max: 2 ** 40 })
          .map((bytes) => bytes - (bytes % 1024)),
        cpus: fc.double({ min: 0.01, max: 1024, noNaN: true }),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    health: fc
      .tuple(
        fc.integer({ min: 100, max: 100_000 }),
        fc.integer({ min: 50, max: 100_000 }),
        fc.integer({ min: 1, max: 100 }),
      )
      .map(([a, b, failures]) => ({
        intervalMs: Math.max(a, b),
        timeoutMs: Math.min(a, b),
        failures,
      })),
    startTimeoutMs: duration(1_000),
  })
  .map(({ ownImage, ...rest }) => ({
    ...rest,
    image: ownImage ?? (rest.variant === 'custom' ? 'my/image' : defaultImage(rest.variant)),
    args: rest.variant === 'custom' ? ['--http-port={httpPort}', 'a b'] : ['--log-stderr'],
    ports: { https: 16_000, api: 17_000, p2p: 18_000 },
  }))

/** Ranges of 400 from 20000 on, one after the other. */
function rangeAt(index: number): PortRange {
  return { first: 20_000 + 400 * index, last: 20_399 + 400 * index }
}

const node = fc.record({
  name: containerName,
  address: fc.constantFrom(undefined, '10.0.0.2', 'gluetun.local', 'fd00::1'),
  control,
  portFile: fc.option(path, { nil: undefined }),
  cordon: fc.boolean(),
})

/** Any fleet that a document can mean. */
export const arbitraryFleet: fc.Arbitrary<Fleet> = fc
  .record({
    name,
    replicas: fc.integer({ min: 0, max: 200 }),
    engine,
    nodes: fc.uniqueArray(node, { selector: (each) => each.name, maxLength: 5 }),
    bind: fc.constantFrom('127.0.0.1', '0.0.0.0', '::1'),
    downGraceMs: duration(0),
    restartEnginesOnReconnect: fc.constantFrom(
      'auto' as const,
      'always' as const,
      'never' as const,
    ),
    restartVpnAfterMs: orNever(1_000),
    restartContainerAfterMs: orNever(1_000),
    scope: fc.constantFrom('fleet' as const, 'vpn' as const, 'none' as const),
    isPreferred: fc.boolean(),
    portGraceMs: duration(0),
    surge: fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })),
    drainTimeoutMs: duration(0),
  })
  .map((each): Fleet => {
    const mode = each.nodes.length === 0 ? 'none' : each.nodes.length === 1 ? 'single' : 'redundant'
    const scope = mode === 'none' ? 'none' : each.scope
    const preferred = scope === 'fleet' && each.isPreferred ? each.nodes[0]?.name : undefined
    const [maxSurge, maxUnavailable] = each.surge
    return {
      name: each.name,
      replicas: each.replicas,
      engine: each.engine as EngineSettings,
      network:
        mode === 'none'
          ? { ports: rangeAt(0), bind: each.bind, name: 'my_net' }
          : { ports: { first: 19_000, last: 19_499 }, bind: '127.0.0.1', name: 'bridge' },
      vpn: {
        mode,
        downGraceMs: each.downGraceMs,
        restartEnginesOnReconnect: each.restartEnginesOnReconnect,
        restartVpnAfterMs: each.restartVpnAfterMs,
        restartContainerAfterMs: each.restartContainerAfterMs,
        nodes: each.nodes.map((one, index) => ({ ...one, ports: rangeAt(index) })),
      },
      forwarding: {
        scope,
        ...(preferred === undefined ? {} : { prefer: preferred }),
        portGraceMs: each.portGraceMs,
      },
      update: {
        maxSurge: maxSurge + maxUnavailable === 0 ? 1 : maxSurge,
        maxUnavailable,
        drainTimeoutMs: each.drainTimeoutMs,
      },
    }
  })
