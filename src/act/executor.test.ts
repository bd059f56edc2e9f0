import { expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError, UnknownOutcome } from '../docker/errors.ts'
import type { ContainerId, ContainerSpec, Docker } from '../docker/port.ts'
import type { Epoch, Lease } from '../lease/lease.ts'
import type { Observation, ObservedEngine } from '../observe/observation.ts'
import type { Action, StopAction } from '../plan/action.ts'
import type { Mark } from '../store/mark.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeExecutor } from './executor.ts'

const why = { reason: 'Scaled', message: 'fewer are wanted' } as const
const idOf = (n: number) => String(n).repeat(64).slice(0, 64) as ContainerId

const stopOf = (n: number): Action => ({
  verb: 'stop',
  slot: String(n),
  vpn: undefined,
  id: idOf(n),
  why,
  mark: 'draining',
  graceS: 10,
  backoff: undefined,
})

const removeOf = (n: number): Action => ({
  verb: 'remove',
  slot: String(n),
  vpn: undefined,
  id: idOf(n),
  why,
  backoff: undefined,
  unexpected: false,
})

const createOf = (slot: string): Action => ({
  verb: 'create',
  slot,
  vpn: undefined,
  forwarded: false,
  inherits: undefined,
  why: { reason: 'EngineCreated', message: 'missing' },
  spec: { name: `home.${slot}`, image: 'engine' } as ContainerSpec,
})

function observed(engines: readonly Partial<ObservedEngine>[]): Observation {
  return {
    fleet: 'home',
    startedAt: 0,
    engines: engines as readonly ObservedEngine[],
    foreign: [],
    nodes: [],
  }
}

function makeBench(docker: Partial<Docker>) {
  const clock = makeVirtualClock()
  const events: NewFleetEvent[] = []
  const lease: Lease = {
    fleet: 'home',
    epoch: 1 as Epoch,
    assertHeld: () => {},
    lost: new AbortController().signal,
  }
  const store = {
    mark: async (_: string, mark: Mark) => mark,
    setBackoff: async () => {},
  } as Partial<Store> as Store
  let ends = 0
  const executor = makeExecutor({
    docker: docker as Docker,
    store,
    lease,
    clock,
    record: (event) => events.push(event),
    patienceMs: 30_000,
    onEnd: () => {
      ends += 1
    },
    onLost: () => {},
    onImageMissing: () => {},
  })
  return { clock, events, executor, ends: () => ends }
}

test('begins nothing that was planned long ago: a stop needs a picture of now (I9)', async () => {
  const stopped: string[] = []
  const answers: (() => void)[] = []
  const { clock, executor, ends } = makeBench({
    stop: (_, { containerId }) => {
      stopped.push(containerId)
      return new Promise((resolve) => answers.push(resolve))
    },
  })
  executor.submit([1, 2, 3, 4].map(stopOf), 'r1', clock.monotonic())
  await clock.settle()
  expect(stopped).toEqual([1, 2, 3].map(idOf))
  await clock.advance(6_000)
  answers[0]?.()
  await clock.settle()
  expect(stopped).toEqual([1, 2, 3].map(idOf))
  // The loop is woken, and plans the fourth anew if it is still wanted.
  expect(ends()).toBe(1)
  executor.submit([stopOf(4)], 'r2', clock.monotonic())
  await clock.settle()
  expect(stopped).toContain(idOf(4))
})

test('begins nothing whose plan grew old before it came, and has the loop plan anew (I9)', async () => {
  const stopped: string[] = []
  const { clock, executor, ends } = makeBench({
    stop: async (_, { containerId }) => void stopped.push(containerId),
  })
  const plannedAt = clock.monotonic()
  await clock.advance(6_000)
  executor.submit([stopOf(1)], 'r1', plannedAt)
  await clock.settle()
  expect(stopped).toEqual([])
  expect(ends()).toBe(1)
  executor.submit([stopOf(1)], 'r2', clock.monotonic())
  await clock.settle()
  expect(stopped).toEqual([idOf(1)])
})

test('lets no graceful stop hold up the stop of an engine that leaks, a removal or a mark (I10)', async () => {
  const begun: string[] = []
  const { clock, executor } = makeBench({
    stop: (_, { containerId }) => {
      begun.push(`stop ${containerId[0]}`)
      return new Promise(() => {})
    },
    remove: async (_, { containerId }) => void begun.push(`remove ${containerId[0]}`),
  })
  const { mark: _, graceS: __, backoff: ___, ...about } = stopOf(7) as StopAction
  const drain: Action = { ...about, verb: 'drain', timeoutMs: 1 }
  const leaking: Action = { ...(stopOf(5) as StopAction), mark: 'failed', graceS: 2 }
  executor.submit(
    [...[1, 2, 3, 4].map(stopOf), leaking, removeOf(6), drain],
    'r1',
    clock.monotonic(),
  )
  await clock.settle()
  expect(begun.toSorted()).toEqual(['remove 6', 'stop 1', 'stop 2', 'stop 3', 'stop 5'])
  expect(executor.pending().map((p) => p.verb)).not.toContain('drain')
})

test('says what is wanted but fails again and again, until it succeeds or is wanted no more', async () => {
  let isBusy = true
  const { clock, executor } = makeBench({
    remove: async () => {
      if (isBusy) throw new DockerError('device busy')
    },
  })
  const tryOnce = async () => {
    executor.submit([removeOf(1)], 'r', clock.monotonic())
    await clock.settle()
    // What ended has woken the loop, which plans the same again.
    if (isBusy) executor.submit([removeOf(1)], 'r', clock.monotonic())
    const conditions = executor.conditions()
    await clock.advance(60_000)
    return conditions
  }
  expect(await tryOnce()).toEqual([])
  expect(await tryOnce()).toEqual([])
  const [stalled] = await tryOnce()
  expect(stalled).toMatchObject({ type: 'Stalled', status: 'True' })
  expect(stalled?.message).toContain('home.1: remove failed: device busy')
  executor.submit([], 'r', clock.monotonic())
  expect(executor.conditions()).toEqual([])
  isBusy = false
  await tryOnce()
  expect(await tryOnce()).toEqual([])
})

test('takes an unanswered create for done as soon as its name is listed, though it never started (I2)', async () => {
  const { clock, executor, events } = makeBench({
    create: async () => {
      throw new UnknownOutcome('no reply')
    },
  })
  executor.submit([createOf('0')], 'r1', clock.monotonic())
  await clock.settle()
  expect(executor.pending()).toMatchObject([{ slot: '0', outcome: 'unknown' }])
  // A renamed engine carries the label of its old slot.
  executor.settle(observed([{ id: idOf(1), name: 'mine', slot: '0', state: 'running' }]))
  expect(executor.pending()).toHaveLength(1)
  executor.settle(observed([{ id: idOf(2), name: 'home.0', slot: '0', state: 'created' }]))
  expect(executor.pending()).toEqual([])
  expect(events.at(-1)).toMatchObject({ reason: 'OutcomeResolved', reconcileId: 'r1' })
})
