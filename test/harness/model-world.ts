import type { ContainerId } from '../../src/docker/port.ts'
import { readLabels } from '../../src/engine/labels.ts'
import type { Observation, ObservedEngine } from '../../src/observe/observation.ts'
import type { Action, Bookkeeping, CreateAction, Plan } from '../../src/plan/action.ts'
import type { PlanInput } from '../../src/plan/input.ts'
import { planFleet } from '../../src/plan/plan.ts'
import { harden } from '../../src/store/harden.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { FleetMemory } from '../../src/store/store.ts'
import { idOf, said } from './scene.ts'

/**
 * The smallest world that obeys a plan: every action has its effect at once and none fails, so that what a plan leads
 * to can be told from plans alone. What Docker would refuse is a fault of the plan, and throws.
 */
function withEngine(
  input: PlanInput,
  id: ContainerId,
  change: (engine: ObservedEngine) => ObservedEngine | undefined,
): PlanInput {
  const engines = input.observation.engines.flatMap((e) => (e.id === id ? (change(e) ?? []) : [e]))
  return withObservation(input, { engines })
}

function withObservation(input: PlanInput, change: Partial<Observation>): PlanInput {
  return { ...input, observation: { ...input.observation, ...change } }
}

function withMemory(input: PlanInput, change: Partial<FleetMemory>): PlanInput {
  return { ...input, memory: { ...input.memory, ...change } }
}

function changed<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const next = new Map(map)
  if (value === undefined) next.delete(key)
  else next.set(key, value)
  return next
}

function create(input: PlanInput, action: CreateAction): PlanInput {
  const { spec, inherits, slot } = action
  const { engines, foreign, nodes } = input.observation
  if ([...engines, ...foreign].some(({ name }) => name === spec.name))
    throw new Error(`${said(action)}: the name ${spec.name} is taken`)
  const joined = nodes.find((node) => spec.networkMode === `container:${node.containerId}`)
  const engine: ObservedEngine = {
    // Of one name there is never more than one at one time.
    id: idOf(`${spec.name} ${input.now}`),
    name: spec.name,
    slot,
    state: 'running',
    networkMode: spec.networkMode,
    joinedRunning: joined?.running,
    image: spec.image,
    labels: readLabels(spec.labels),
    createdAt: input.now,
    startedAt: input.now,
    startError: undefined,
    health: {
      ready: false,
      firstReadyAt: undefined,
      readySince: undefined,
      failures: 0,
      failingSince: undefined,
      lastError: '',
    },
  }
  let { backoff } = input.memory
  if (inherits !== undefined)
    backoff = changed(changed(backoff, inherits.slot, undefined), slot, inherits.backoff)
  return withMemory(withObservation(input, { engines: [...engines, engine] }), { backoff })
}

function mark(
  input: PlanInput,
  id: ContainerId,
  change: Omit<Mark, 'containerId' | 'at' | 'epoch' | 'reason'>,
) {
  const { now, epoch, memory } = input
  const wanted: Mark = { containerId: id, reason: 'EngineDraining', at: now, epoch, ...change }
  return withMemory(input, {
    marks: changed(memory.marks, id, harden(memory.marks.get(id), wanted)),
  })
}

function note(input: PlanInput, slot: string, backoff: { readonly failures: number } | undefined) {
  if (backoff === undefined) return input
  return withMemory(input, { backoff: changed(input.memory.backoff, slot, backoff as never) })
}

function carriedOut(input: PlanInput, action: Action): PlanInput {
  const { now } = input
  switch (action.verb) {
    case 'create':
      return create(input, action)
    case 'start':
      return withEngine(input, action.id, (e) => ({ ...e, state: 'running', startedAt: now }))
    case 'noteReady':
      return withMemory(input, {
        engines: changed(input.memory.engines, action.id, { firstReadyAt: action.at }),
      })
    case 'drain':
      return mark(input, action.id, { kind: 'draining', deadlineAt: now + action.timeoutMs })
    case 'stop': {
      const marked = mark(input, action.id, { kind: action.mark, deadlineAt: now, stopAt: now })
      const health = { ready: false, readySince: undefined }
      return withEngine(note(marked, action.slot, action.backoff), action.id, (e) => ({
        ...e,
        state: 'exited',
        startedAt: undefined,
        health: { ...e.health, ...health },
      }))
    }
    case 'remove':
      return withEngine(note(input, action.slot, action.backoff), action.id, ({ state, name }) => {
        if (state === 'running' || state === 'paused')
          throw new Error(`${said(action)}: ${name} is running`)
        return undefined
      })
  }
}

function noted(input: PlanInput, entry: Bookkeeping): PlanInput {
  const { memory } = input
  switch (entry.kind) {
    case 'forget': {
      const [marks, engines, streams] = [memory.marks, memory.engines, memory.streams]
      return withMemory(input, {
        marks: changed(marks, entry.id, undefined),
        engines: changed(engines, entry.id, undefined),
        streams: changed(streams, entry.id, undefined),
        requests: memory.requests.filter(
          (r) => r.kind !== 'drainEngine' || r.containerId !== entry.id,
        ),
      })
    }
    case 'clearBackoff':
      return withMemory(input, { backoff: changed(memory.backoff, entry.slot, undefined) })
    case 'setRollout':
      return withMemory(input, { rollout: entry.note })
    case 'endForward':
      return withMemory(input, { requests: memory.requests.filter((r) => r.kind !== 'forward') })
    case 'setNodeNote':
      return withMemory(input, { nodes: changed(memory.nodes, entry.node, entry.note) })
    case 'dropFleet':
      return input
  }
}

/** The world after a plan was carried out to the letter. */
export function afterPlan(input: PlanInput, plan: Plan): PlanInput {
  const remembered = plan.bookkeeping.reduce(noted, input)
  return plan.actions.reduce(carriedOut, { ...remembered, pending: [] })
}

/** One that failed a probe goes on failing, as does one that somebody paused. */
function hangs({ state, health }: ObservedEngine): boolean {
  return state === 'paused' || (state === 'running' && health.failures > 0)
}

/** What it said of its network it says again. */
function stillSaying(engine: ObservedEngine, now: number): ObservedEngine {
  const { health, state } = engine
  if (health.network === undefined || state !== 'running') return engine
  return { ...engine, health: { ...health, network: { ...health.network, at: now } } }
}

/** How long an engine takes from its start to its first answer, ms. */
const START_MS = 3_000

/** The world a while later: what runs answers by then, unless it hangs, and viewers of a draining engine have left. */
export function afterTime(input: PlanInput, ms: number): PlanInput {
  const now = input.now + ms
  const { marks } = input.memory
  const hanging = new Set(input.observation.engines.flatMap((e) => (hangs(e) ? [e.id] : [])))
  const streams = new Map(
    [...input.memory.streams]
      .filter(([id]) => !marks.has(id))
      .map(([id, load]) => [id, hanging.has(id) ? load : { ...load, lastBytesAt: now }]),
  )
  const engines = input.observation.engines.map((before): ObservedEngine => {
    const engine = stillSaying(before, now)
    const { health } = engine
    if (hangs(engine)) return { ...engine, health: { ...health, failures: health.failures + 3 } }
    if (engine.state !== 'running' || health.ready) return engine
    if (now - (engine.startedAt ?? 0) < START_MS) return engine
    const { firstReadyAt = now } = health
    return {
      ...engine,
      health: { ...health, ready: true, firstReadyAt, readySince: now, lastError: '' },
    }
  })
  return { ...withMemory(withObservation(input, { engines, startedAt: now }), { streams }), now }
}

export interface Course {
  /** The world in which nothing is left to do. */
  readonly end: PlanInput
  readonly rounds: number
  /** Every action on the way, as one would say it, grouped by round. */
  readonly story: readonly (readonly string[])[]
}

/**
 * Plans and obeys until a plan asks for nothing (L1), a second of the world's time for each round, and longer where a
 * plan says that it waits. Throws when that takes more than `limit` rounds.
 */
export function course(start: PlanInput, limit = 200): Course {
  const story: string[][] = []
  let world = start
  for (let rounds = 0; rounds <= limit; rounds++) {
    const plan = planFleet(world)
    story.push(plan.actions.map(said))
    const isQuiet =
      plan.actions.length === 0 && plan.bookkeeping.every((b) => b.kind === 'dropFleet')
    if (isQuiet && plan.wakeAt === undefined && story.at(-2)?.length === 0)
      return { end: world, rounds, story }
    const wait = isQuiet && plan.wakeAt !== undefined ? plan.wakeAt - world.now : 1_000
    world = afterTime(afterPlan(world, plan), Math.max(wait, 1_000))
  }
  const tail = story.slice(-10).map((round) => `[${round.join(', ')}]`)
  throw new Error(`no rest after ${limit} rounds (L1), last: ${tail.join(' ')}`)
}
