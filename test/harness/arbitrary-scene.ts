import fc from 'fast-check'
import type { ContainerState } from '../../src/docker/port.ts'
import { type Generation, type NetworkWord, TUNNEL_DEAD } from '../../src/observe/observation.ts'
import type { PlanInput } from '../../src/plan/input.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { UserRequest } from '../../src/store/store.ts'
import { type EngineSketch, idOf, NOW, type NodeSketch, type Sketch, scene } from './scene.ts'

const NODES = ['a', 'b', 'c'] as const
/** Mostly the first, now and then one of the others. */
const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  )

const spec = fc
  .record({
    replicas: fc.integer({ min: 0, max: 6 }),
    scope: fc.constantFrom('fleet' as const, 'vpn' as const, 'none' as const),
    isPreferred: fc.boolean(),
    maxSurge: fc.integer({ min: 0, max: 2 }),
    maxUnavailable: fc.integer({ min: 0, max: 2 }),
    restartEnginesOnReconnect: fc.constantFrom(
      'auto' as const,
      'always' as const,
      'never' as const,
    ),
  })
  .map(({ isPreferred, maxSurge, maxUnavailable, ...rest }) => ({
    ...rest,
    ...(isPreferred && rest.scope === 'fleet' ? { prefer: 'a' } : {}),
    maxSurge: maxSurge + maxUnavailable === 0 ? 1 : maxSurge,
    maxUnavailable,
  }))

/** Ports that Gluetun itself holds, and forwarded ones that engines hold already, among them. */
function nodeSketch(name: string, index: number, isUgly: boolean): fc.Arbitrary<NodeSketch> {
  const first = 19_000 + 500 * index
  const healthy = fc.record({
    name: fc.constant(name),
    port: fc.constantFrom(0, 51_000 + index, first + 2, 18_003),
    ports: mostly(
      { first, last: first + 499 },
      { first: 8_380 + 500 * index, last: 8_399 + 500 * index },
    ),
    cordon: mostly(false, true),
    since: fc.integer({ min: NOW - 5_000, max: NOW }),
    portLosses: fc.nat(2),
  })
  if (!isUgly) return healthy
  return fc
    .tuple(
      healthy,
      fc.record({
        state: mostly('up' as const, 'degraded' as const, 'down' as const, 'unknown' as const),
        isByEngines: fc.boolean(),
        lost: fc.boolean(),
        running: mostly(true, false),
        isGone: mostly(false, true),
      }),
    )
    .map(([node, { state, isByEngines, lost, running, isGone }]): NodeSketch => {
      const stands = state === 'up' || state === 'degraded'
      const exists = !isGone || stands
      return {
        ...node,
        state,
        lost: lost && state === 'down',
        running: (running || stands) && exists,
        ...(state === 'down' && isByEngines ? { reason: TUNNEL_DEAD } : {}),
        ...(exists ? {} : { containerId: undefined, generation: undefined }),
      }
    })
}

const STATES: readonly ContainerState[] = [
  'created',
  'running',
  'paused',
  'removing',
  'exited',
  'dead',
]

const mark: fc.Arbitrary<Partial<Mark>> = fc.record(
  {
    kind: fc.constantFrom('draining', 'failed'),
    deadlineAt: fc.constantFrom(NOW - 1, NOW + 60_000),
    stopAt: fc.constantFrom(NOW - 1_000),
  },
  { requiredKeys: ['kind'] },
)

/** In the network of a running container that is no VPN node of the spec. */
function joined(generation: Generation): Partial<EngineSketch> {
  return {
    networkMode: 'container:other',
    joinedRunning: true,
    departed: { name: 'other', generation, address: '172.17.0.9' },
  }
}

/** What an engine said of its network: never anything, the same for long, or something else lately; now or a while ago. */
const networkWord: fc.Arbitrary<NetworkWord | undefined> = fc.option(
  fc.record({
    connected: fc.boolean(),
    since: fc.constantFrom(NOW - 3_600_000, NOW - 70_000, NOW - 5_000),
    at: mostly(NOW - 1_000, NOW - 4_000, NOW - 65_000),
  }),
  { nil: undefined },
)

/** Engines as they might be found after anything: older versions, people with a terminal, half-done work. */
const uglyEngine: fc.Arbitrary<EngineSketch> = fc
  .record({
    slot: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 9 }).map(String) },
      { weight: 2, arbitrary: fc.constantFrom('forwarded', 'a.forwarded', 'b.forwarded') },
      { weight: 1, arbitrary: fc.constantFrom('odd', '007') },
    ),
    on: fc.constantFrom(...NODES),
    isRenamed: mostly(false, true),
    state: mostly<ContainerState>('running', ...STATES),
    ready: fc.boolean(),
    wasReady: fc.boolean(),
    ageMs: fc.constantFrom(1_000, 70_000, 3_600_000),
    readyForMs: fc.constantFrom(500, 700_000),
    outdated: mostly(false, true),
    streams: mostly(0, 1, 2),
    lastBytesAt: fc.constantFrom(NOW - 1_000, NOW - 20_000),
    mark: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: mark },
    ),
    failures: mostly(0, 2, 3),
    network: networkWord,
    startError: mostly(undefined, 'exec format error', 'cannot join network of a container'),
    forwarded: mostly(undefined, true, false),
    generation: mostly('same', 'old', 'none'),
    where: mostly('node', 'gone', 'departed', 'another', 'bridge'),
    httpPort: mostly(undefined, 19_002, 8_888),
    p2pPort: mostly(undefined, 51_000, 19_004),
  })
  .map((each): EngineSketch => {
    const { isRenamed, mark, failures, startError, forwarded, generation, where, ...plain } = each
    const { httpPort, p2pPort, network, ...rest } = plain
    const ready = rest.ready && failures < 3 && rest.state === 'running'
    return {
      ...rest,
      ready,
      wasReady: rest.wasReady || ready,
      ...(isRenamed ? { name: `renamed-${rest.slot}` } : {}),
      ...(mark ? { mark } : {}),
      ...(startError !== undefined && rest.state === 'created' ? { startError } : {}),
      health: { failures: rest.state === 'running' && !ready ? failures : 0, network },
      labels: {
        ...(forwarded === undefined ? {} : { forwarded }),
        ...(generation === 'old' ? { vpnGeneration: `${rest.on}@0` as Generation } : {}),
        ...(generation === 'none' ? { vpnGeneration: undefined } : {}),
        ...(httpPort === undefined ? {} : { httpPort }),
        ...(p2pPort === undefined ? {} : { p2pPort }),
      },
      ...(where === 'bridge' ? { networkMode: 'bridge' } : {}),
      ...(where === 'gone' ? { networkMode: 'container:gone', joinedRunning: false } : {}),
      ...(where === 'departed' ? joined(`${rest.on}@1` as Generation) : {}),
      ...(where === 'another' ? joined('other@1' as Generation) : {}),
    }
  })

const request: fc.Arbitrary<UserRequest> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(...NODES).map((node) => ({ kind: 'cordon' as const, node })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...NODES).map((node) => ({ kind: 'drainNode' as const, node })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('home.0', 'home.forwarded', 'gone')
      .map((name) => ({ kind: 'drainEngine' as const, containerId: idOf(name) })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...NODES).map((node) => ({ kind: 'forward' as const, node })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'delete' as const }) },
)

const slot = fc.oneof(fc.integer({ min: 0, max: 8 }).map(String), fc.constant('forwarded'))

function sketchOf(isUgly: boolean): fc.Arbitrary<Sketch> {
  return fc
    .integer({ min: 0, max: 3 })
    .chain((count) =>
      fc.record({
        spec,
        nodes: fc.tuple(...NODES.slice(0, count).map((name, i) => nodeSketch(name, i, isUgly))),
        engines: fc.uniqueArray(uglyEngine, {
          selector: ({ name, slot }) => name ?? slot,
          maxLength: 10,
        }),
        foreign: fc.uniqueArray(
          fc.record({
            name: fc.constantFrom('home.0', 'home.3', 'home.forwarded', 'stranger'),
            forwardedOn: mostly(undefined, 'a', 'b'),
          }),
          { selector: ({ name }) => name, maxLength: 1 },
        ),
        backoff: fc.dictionary(
          slot,
          fc.record({
            failures: fc.integer({ min: 1, max: 9 }),
            notBefore: fc.constantFrom(NOW - 1, NOW, NOW + 30_000),
          }),
          { maxKeys: 4, noNullPrototype: true },
        ),
        // The store keeps one of kind `forward`.
        requests: fc.uniqueArray(request, {
          maxLength: 2,
          comparator: (x, y) => x.kind === 'forward' && y.kind === 'forward',
        }),
        isPaused: mostly(false, true),
        pending: isUgly
          ? fc.uniqueArray(
              fc.record({
                verb: fc.constant('create' as const),
                slot: fc.oneof(slot, fc.constantFrom('a.forwarded', 'b.forwarded')),
                vpn: fc.constantFrom(...NODES),
                outcome: fc.constantFrom('inFlight' as const, 'unknown' as const),
              }),
              { selector: (each) => each.slot, maxLength: 2 },
            )
          : fc.constant([]),
        bornAt: mostly(NOW - 86_400_000, NOW - 1_000),
      }),
    )
    .map(({ isPaused, ...sketch }): Sketch => {
      const names = new Set(sketch.engines.map(({ name, slot }) => name ?? `home.${slot}`))
      return {
        ...sketch,
        spec: sketch.nodes.length === 0 ? { ...sketch.spec, scope: 'none' } : sketch.spec,
        foreign: sketch.foreign
          .filter(({ name }) => !names.has(name))
          .map(({ forwardedOn, ...each }) => ({
            ...each,
            forwardedOn,
            holdsSlot: each.name.startsWith('home.') ? each.name.slice(5) : undefined,
          })),
        ...(isPaused
          ? {
              rollout: {
                specHash: scene({ spec: sketch.spec, nodes: sketch.nodes }).template.specHash,
                failedStarts: 1,
                lastFailure: 'home.0 of the new spec exited',
                lastFailureAt: NOW - 5_000,
              },
            }
          : {}),
      }
    })
}

/** Any world, however it came about. */
export const anySketch: fc.Arbitrary<Sketch> = sketchOf(true)
/** Any engines, on nodes that are all well from now on, with nothing under way: faults have stopped. */
export const calmSketch: fc.Arbitrary<Sketch> = sketchOf(false)

/** The same world, with every list in another order. */
export function shuffled(input: PlanInput, seed: number): PlanInput {
  const order = <T>(items: readonly T[]): readonly T[] =>
    items
      .map((item, index) => ({ item, key: Math.imul(index + 1, seed * 2 + 1) >>> 0 }))
      .toSorted((x, y) => x.key - y.key)
      .map(({ item }) => item)
  const mixed = <K, V>(map: ReadonlyMap<K, V>) => new Map(order([...map]))
  const { observation, memory } = input
  return {
    ...input,
    observation: {
      ...observation,
      engines: order(observation.engines),
      foreign: order(observation.foreign),
    },
    memory: {
      ...memory,
      marks: mixed(memory.marks),
      engines: mixed(memory.engines),
      streams: mixed(memory.streams),
      backoff: mixed(memory.backoff),
      requests: order(memory.requests),
    },
    pending: order(input.pending),
  }
}
