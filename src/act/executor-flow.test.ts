import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idOf } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError, ImageMissing, NameTaken, NotFound, UnknownOutcome } from '../docker/errors.ts'
import type { ContainerSpec, Docker } from '../docker/port.ts'
import { type Epoch, type Lease, LeaseLost } from '../lease/lease.ts'
import type { Observation } from '../observe/observation.ts'
import type { Action } from '../plan/action.ts'
import { StaleEpoch } from '../store/errors.ts'
import type { Mark } from '../store/mark.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeExecutor } from './executor.ts'

const why = { reason: 'Scaled', message: 'a test wants it' } as const

function create(slot: number): Action {
  const spec = { name: `home.${slot}`, image: 'engine:new' } as ContainerSpec
  return {
    verb: 'create',
    slot: `${slot}`,
    vpn: 'a',
    forwarded: false,
    inherits: undefined,
    why,
    spec,
  }
}

const on = (slot: number) => ({ slot: `${slot}`, vpn: 'a', id: idOf(`home.${slot}`), why })
const start = (slot: number): Action => ({ verb: 'start', ...on(slot) })
const remove = (slot: number): Action => ({
  verb: 'remove',
  ...on(slot),
  backoff: undefined,
  unexpected: false,
})
const stop = (slot: number, mark: 'draining' | 'failed' = 'draining'): Action => ({
  verb: 'stop',
  ...on(slot),
  mark,
  graceS: 10,
  backoff: undefined,
})

/** One call of the daemon that waits for its answer. */
interface Call {
  readonly what: string
  readonly answer: () => void
  readonly fail: (error: Error) => void
}

/** An executor whose daemon answers when told, and at once where `prompt` says so. */
function bench() {
  const clock = makeVirtualClock()
  const lost = new AbortController()
  const lease: Lease = { fleet: 'home', epoch: 1 as Epoch, assertHeld: () => {}, lost: lost.signal }
  const open: Call[] = []
  const said: string[] = []
  const [events, losses, images]: [NewFleetEvent[], Error[], string[]] = [[], [], []]
  const call = (what: string, signal: AbortSignal) => {
    said.push(what)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => reject(signal.reason))
    const entry: Call = { what, answer: resolve, fail: reject }
    open.push(entry)
    return promise.finally(() => open.splice(open.indexOf(entry), 1))
  }
  const slotOf = (id: string) =>
    ['0', '1', '2', '3', '4', '5', '6', '7'].find((n) => idOf(`home.${n}`) === id)
  const docker: Partial<Docker> = {
    async create(_, { name }, signal) {
      await call(`create ${name.slice(5)}`, signal)
      return idOf(name)
    },
    start: async () => {},
    stop: (_, { containerId }, __, signal) => call(`stop ${slotOf(containerId)}`, signal),
    remove: (_, { containerId }, signal) => call(`remove ${slotOf(containerId)}`, signal),
  }
  const store: Partial<Store> = { mark: async (_, mark: Mark) => mark, setBackoff: async () => {} }
  const executor = makeExecutor({
    docker: docker as Docker,
    store: store as Store,
    lease,
    clock,
    record: (event) => events.push(event),
    patienceMs: 30_000,
    onEnd: () => {},
    onLost: (error) => losses.push(error),
    onImageMissing: (image) => images.push(image),
  })
  const find = (what: string) => {
    const found = open.find((each) => each.what === what)
    if (found === undefined) throw new Error(`${what} is not under way`)
    return found
  }
  return {
    ...{ clock, executor, lost, events, losses, images, said },
    underWay: () => open.map(({ what }) => what).sort(),
    async submit(...actions: Action[]) {
      executor.submit(actions, 'r1', clock.monotonic())
      await clock.settle()
    },
    async answer(what: string) {
      find(what).answer()
      await clock.settle()
    },
    async fail(what: string, error: Error) {
      find(what).fail(error)
      await clock.settle()
    },
  }
}

const nothing: Observation = { fleet: 'home', startedAt: 0, engines: [], foreign: [], nodes: [] }

describe('creates', () => {
  it('begin with one, and each success lets one more come at a time, up to four', async () => {
    const { submit, answer, underWay } = bench()
    await submit(...[0, 1, 2, 3, 4, 5, 6, 7].map(create))
    expect(underWay()).toEqual(['create 0'])
    await answer('create 0')
    expect(underWay()).toEqual(['create 1', 'create 2'])
    await answer('create 1')
    expect(underWay()).toHaveLength(3)
    await answer('create 2')
    await answer('create 3')
    expect(underWay()).toHaveLength(4)
  })

  it('fall back to one after a failure, later: what fails one fails them all', async () => {
    const { clock, submit, answer, fail, underWay } = bench()
    const all = [0, 1, 2, 3, 4].map(create)
    await submit(...all)
    await answer('create 0')
    await fail('create 1', new DockerError('no space left on device'))
    await submit(...all.slice(3))
    expect(underWay()).toEqual(['create 2'])
    await clock.advance(1_000)
    await submit(...all.slice(3))
    expect(underWay()).toEqual(['create 2'])
    await answer('create 2')
    expect(underWay()).toHaveLength(2)
  })

  it('are held ever longer, at most a minute, and freed by a success', async () => {
    const { clock, executor, submit, fail, answer } = bench()
    const pauses: number[] = []
    for (let n = 0; n < 9; n++) {
      await submit(create(0))
      await fail('create 0', new DockerError('no'))
      const until = executor.retryAt() ?? 0
      pauses.push(until - clock.now())
      await clock.advance(until - clock.now())
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000))
    await submit(create(0))
    await answer('create 0')
    expect(executor.retryAt()).toBeUndefined()
  })

  it('whose name is taken are news: other slots go on, and only that create is held', async () => {
    const { submit, fail, underWay, events } = bench()
    await submit(create(0))
    await fail('create 0', new NameTaken('already in use'))
    expect(events.at(-1)).toMatchObject({ reason: 'NameTaken', slot: '0' })
    await submit(create(0), create(1), remove(0))
    expect(underWay()).toEqual(['create 1', 'remove 0'])
  })

  it('tell of an image that is missing', async () => {
    const { submit, fail, images } = bench()
    await submit(create(0))
    await fail('create 0', new ImageMissing('No such image'))
    expect(images).toEqual(['engine:new'])
  })
})

describe('a plan', () => {
  it('replaces what the one before has not begun', async () => {
    const { submit, answer, underWay } = bench()
    await submit(create(0), create(1), create(2))
    await submit(create(3))
    await answer('create 0')
    expect(underWay()).toEqual(['create 3'])
  })

  it('that is about to come lets nothing of the one before begin (I2)', async () => {
    const { executor, submit, answer, underWay } = bench()
    await submit(create(0), create(1))
    executor.withdraw()
    await answer('create 0')
    expect(underWay()).toEqual([])
  })

  it('begins nothing twice on an engine or in a slot while that is under way', async () => {
    const { submit, said } = bench()
    await submit(stop(0), create(1))
    await submit(stop(0, 'failed'), create(1), remove(0))
    expect(said.toSorted()).toEqual(['create 1', 'stop 0'])
  })

  it('changes the stamp by every end, however it ends (I2)', async () => {
    const { executor, submit, answer, fail } = bench()
    const stamps = [executor.stamp()]
    await submit(stop(0), stop(1), stop(2))
    expect(executor.stamp()).toBe(stamps[0])
    await answer('stop 0')
    stamps.push(executor.stamp())
    await fail('stop 1', new DockerError('no'))
    stamps.push(executor.stamp())
    await fail('stop 2', new UnknownOutcome('no answer'))
    stamps.push(executor.stamp())
    expect(new Set(stamps).size).toBe(4)
  })
})

describe('an action that was not answered', () => {
  it('counts as pending until a list shows its effect (I2)', async () => {
    const { executor, submit, fail, events } = bench()
    await submit(stop(0))
    await fail('stop 0', new UnknownOutcome('timed out'))
    expect(executor.pending()).toMatchObject([{ verb: 'stop', slot: '0', outcome: 'unknown' }])
    const engine = { id: idOf('home.0'), name: 'home.0', state: 'running' }
    const running = { ...nothing, engines: [engine] } as unknown as Observation
    executor.settle(running)
    expect(executor.pending()).toHaveLength(1)
    executor.settle({
      ...running,
      engines: [{ ...engine, state: 'exited' }],
    } as unknown as Observation)
    expect(executor.pending()).toEqual([])
    expect(events.map(({ reason }) => reason)).toEqual(['OutcomeUnknown', 'OutcomeResolved'])
  })

  it('or until a list that began when it cannot land any more (I2)', async () => {
    const { clock, executor, submit, fail } = bench()
    await submit(create(0))
    await fail('create 0', new UnknownOutcome('timed out'))
    const look = () => executor.settle({ ...nothing, startedAt: clock.now() })
    await clock.advance(29_999)
    look()
    expect(executor.pending()).toHaveLength(1)
    await clock.advance(1)
    look()
    expect(executor.pending()).toEqual([])
  })

  it('whatever the wall clock is set to meanwhile (I2)', async () => {
    const { clock, executor, submit, fail } = bench()
    await submit(create(0))
    await fail('create 0', new UnknownOutcome('timed out'))
    const look = () => executor.settle({ ...nothing, startedAt: clock.now() })
    clock.stepWall(3_600_000)
    await clock.advance(29_000)
    look()
    expect(executor.pending()).toHaveLength(1)
    clock.stepWall(-7_200_000)
    await clock.advance(1_000)
    look()
    expect(executor.pending()).toEqual([])
  })

  it('in flight is resolved by no list', async () => {
    const { executor, submit } = bench()
    await submit(remove(0))
    executor.settle({ ...nothing, startedAt: Number.MAX_SAFE_INTEGER })
    expect(executor.pending()).toMatchObject([{ outcome: 'inFlight' }])
  })
})

describe('the end of what is gone already', () => {
  it('is a success: nothing is told, nothing is held', async () => {
    const { executor, submit, fail, events } = bench()
    await submit(remove(0))
    await fail('remove 0', new NotFound('No such container'))
    expect([executor.pending(), executor.retryAt(), events]).toEqual([[], undefined, []])
  })
})

describe('when the lease is lost', () => {
  it.each([
    ['refuses', new LeaseLost('over')],
    ['meets a later epoch', new StaleEpoch('another leads')],
  ])('the first call that %s ends it all (I7)', async (_, error) => {
    const { submit, fail, losses, underWay } = bench()
    await submit(create(0), create(1), create(2))
    await fail('create 0', error)
    expect(losses).toEqual([error])
    expect(underWay()).toEqual([])
  })

  it('nothing more begins, and what is under way is given up (I7)', async () => {
    const { clock, lost, executor, submit, said, underWay } = bench()
    await submit(stop(0), create(1), create(2))
    lost.abort(new LeaseLost('over'))
    await clock.settle()
    await submit(create(3))
    expect(said.toSorted()).toEqual(['create 1', 'stop 0'])
    expect([underWay(), executor.pending()]).toEqual([[], []])
  })
})

describe('closing', () => {
  it('waits for what is under way, and begins nothing more', async () => {
    const { clock, executor, submit, said } = bench()
    await submit(create(0), create(1))
    let isClosed = false
    const closed = executor[Symbol.asyncDispose]().then(() => {
      isClosed = true
    })
    await clock.settle()
    await submit(start(2), create(3))
    await closed
    expect([isClosed, said]).toEqual([true, ['create 0']])
  })
})

describe('whatever is planned and whatever becomes of it', () => {
  const action = fc.oneof(
    fc.nat(7).map(create),
    fc.nat(7).map((n) => stop(n)),
    fc.nat(7).map((n) => stop(n, 'failed')),
    fc.nat(7).map(remove),
  )
  const outcome = fc.constantFrom('answer', 'fail', 'unknown', 'taken', 'gone')

  it('lanes stay within their bounds, and no engine has two actions at once', async () => {
    const plans = fc.array(
      fc.tuple(
        fc.uniqueArray(action, { selector: ({ slot }) => slot }),
        fc.array(outcome, { maxLength: 6 }),
      ),
      {
        maxLength: 12,
      },
    )
    await fc.assert(
      fc.asyncProperty(plans, async (rounds) => {
        const { clock, executor, submit, underWay, fail, answer } = bench()
        for (const [actions, outcomes] of rounds) {
          await submit(...actions)
          for (const each of outcomes) {
            const [what] = underWay()
            if (what === undefined) break
            if (each === 'answer') await answer(what)
            else if (each === 'unknown') await fail(what, new UnknownOutcome('timed out'))
            else if (each === 'taken') await fail(what, new NameTaken('taken'))
            else if (each === 'gone') await fail(what, new NotFound('gone'))
            else await fail(what, new DockerError('no'))
            const busy = executor.pending().filter((p) => p.outcome === 'inFlight')
            const counts = (...verbs: string[]) => busy.filter((p) => verbs.includes(p.verb)).length
            expect(counts('create', 'start')).toBeLessThanOrEqual(4)
            expect(counts('stop', 'remove')).toBeLessThanOrEqual(6)
            const keys = executor.pending().map((p) => p.id ?? p.slot)
            expect(keys).toHaveLength(new Set(keys).size)
          }
          await clock.advance(1_000)
        }
        await executor[Symbol.asyncDispose]()
        expect(executor.pending().filter((p) => p.outcome === 'inFlight')).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})
