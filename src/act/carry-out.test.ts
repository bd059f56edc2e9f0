import { describe, expect, it } from 'vitest'
import { idOf } from '../../test/harness/scene.ts'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError } from '../docker/errors.ts'
import type { ContainerDetail, ContainerSpec, Docker } from '../docker/port.ts'
import { type Epoch, type Lease, LeaseLost } from '../lease/lease.ts'
import type { Action, CreateAction, RemoveAction, StopAction } from '../plan/action.ts'
import { StoreUnavailable } from '../store/errors.ts'
import { harden } from '../store/harden.ts'
import type { Mark } from '../store/mark.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { carryOut } from './carry-out.ts'

const why = { reason: 'Scaled', message: '2 are wanted' } as const
const about = { slot: '0', vpn: 'a', id: idOf('home.0'), why }
const backoff = { failures: 2, notBefore: 9, containerId: idOf('home.0') }

const create: CreateAction = {
  verb: 'create',
  slot: '1',
  vpn: 'a',
  forwarded: false,
  inherits: undefined,
  why: { reason: 'EngineCreated', message: 'an engine was missing' },
  spec: { name: 'home.1' } as ContainerSpec,
}
const stop: StopAction = {
  verb: 'stop',
  ...about,
  mark: 'draining',
  graceS: 10,
  backoff: undefined,
}
const remove: RemoveAction = { verb: 'remove', ...about, backoff: undefined, unexpected: true }

/** Carries one action out and records every call, in order. */
async function run(
  action: Action,
  faults: { store?: Error; log?: Error; slowMs?: number; lost?: Error } = {},
) {
  const clock = makeVirtualClock()
  const log: string[] = []
  const events: NewFleetEvent[] = []
  let standing: Mark | undefined
  const lease: Lease = {
    fleet: 'home',
    epoch: 3 as Epoch,
    assertHeld() {
      if (faults.lost !== undefined) throw faults.lost
    },
    lost: new AbortController().signal,
  }
  const docker: Partial<Docker> = {
    async create(_, { name }) {
      log.push(`create ${name}`)
      if (faults.slowMs !== undefined) await clock.sleep(faults.slowMs)
      return idOf(name)
    },
    start: async () => void log.push('start'),
    stop: async (_, mark, graceS) => void log.push(`stop ${mark.kind} ${graceS}`),
    remove: async (_, mark) => void log.push(`remove ${mark.kind}`),
    inspect: async () => ({ exitCode: 137, error: '', oomKilled: true }) as ContainerDetail,
    async logTail() {
      if (faults.log !== undefined) throw faults.log
      return ['starting', 'out of memory']
    },
  }
  const store: Partial<Store> = {
    async mark(_, mark) {
      if (faults.store !== undefined) throw faults.store
      standing = harden(standing, mark)
      log.push(`mark ${mark.kind}${mark.stopAt === undefined ? '' : ' to stop'}`)
      return standing
    },
    async setBackoff(_, __, slot, record) {
      log.push(`back-off ${slot} ${record?.failures ?? 'none'}`)
    },
    noteReady: async (_, __, ___, at) => void log.push(`ready at ${at}`),
  }
  const hands = {
    ...{ docker: docker as Docker, store: store as Store, lease, clock },
    record: (event: NewFleetEvent) => events.push(event),
  }
  const done = carryOut(hands, action, 'r1', new AbortController().signal)
  const outcome = done.catch((error: unknown) => error)
  await clock.advance(60_000)
  return { error: await outcome, log, events, messages: events.map(({ message }) => message) }
}

describe('a create', () => {
  it('makes the container and starts it', async () => {
    const { log, messages } = await run(create)
    expect(log).toEqual(['create home.1', 'start'])
    expect(messages).toEqual(['home.1 created on a: an engine was missing', 'home.1 started on a'])
  })

  it('moves the back-off record of the place that it fills first, so that no crash in between forgets it', async () => {
    const { log } = await run({ ...create, inherits: { slot: '0', backoff } })
    expect(log).toEqual(['back-off 1 2', 'back-off 0 none', 'create home.1', 'start'])
  })

  it('that took long does not start what it made: its node may be another one by now (I10)', async () => {
    const { log } = await run(create, { slowMs: 14_000 })
    expect(log).toEqual(['create home.1'])
  })

  it('tells of itself where it can be followed: fleet, slot, VPN, epoch, pass, container', async () => {
    const { events } = await run(create)
    expect(events[0]).toMatchObject({
      fleet: 'home',
      slot: '1',
      vpn: 'a',
      epoch: 3,
      reconcileId: 'r1',
      containerId: idOf('home.1'),
    })
  })
})

describe('a stop', () => {
  it('is marked before it is sent (I7)', async () => {
    const { log, messages } = await run(stop)
    expect(log).toEqual(['mark draining to stop', 'stop draining 10'])
    expect(messages).toEqual(['home.0 stopped: 2 are wanted'])
  })

  it('of one that failed writes its back-off, marks, and tells why before it is sent', async () => {
    const { log, messages } = await run({ ...stop, mark: 'failed', graceS: 2, backoff })
    expect(log).toEqual(['back-off 0 2', 'mark failed to stop', 'stop failed 2'])
    expect(messages).toEqual(['home.0 is given up: 2 are wanted', 'home.0 stopped'])
  })

  it('is not sent when its mark cannot be written (I7)', async () => {
    const { error, log } = await run(stop, { store: new StoreUnavailable('the disk is full') })
    expect(error).toBeInstanceOf(StoreUnavailable)
    expect(log).toEqual([])
  })
})

describe('a drain', () => {
  it('writes its mark, and nothing else (I5)', async () => {
    const { log, messages } = await run({ verb: 'drain', ...about, timeoutMs: 99 })
    expect(log).toEqual(['mark draining'])
    expect(messages).toEqual(['home.0 takes no new streams: 2 are wanted'])
  })
})

describe('a removal', () => {
  it('tells how the engine ended, with its last lines, before they are gone', async () => {
    const { log, events } = await run({ ...remove, backoff })
    expect(events[0]).toMatchObject({
      type: 'Warning',
      reason: 'EngineExited',
      message:
        'home.0 exited with code 137, out of memory; last log lines:\nstarting\nout of memory',
    })
    expect(log).toEqual(['back-off 0 2', 'mark failed to stop', 'remove failed'])
  })

  it('is not kept from happening by a log that cannot be read', async () => {
    const { log, messages } = await run(remove, {
      log: new DockerError('configured logging driver does not support reading'),
    })
    expect(messages[0]).toContain('its log could not be read: configured logging driver')
    expect(log.at(-1)).toBe('remove failed')
  })

  it('of one that was stopped tells no story', async () => {
    const { messages } = await run({ ...remove, unexpected: false })
    expect(messages).toEqual(['home.0 removed'])
  })

  it('is not sent when its mark cannot be written (I7)', async () => {
    const { log } = await run(remove, { store: new StoreUnavailable('the disk is full') })
    expect(log).toEqual([])
  })
})

describe('the first good answer', () => {
  it('is remembered as of when it was given', async () => {
    const { log, messages } = await run({ verb: 'noteReady', ...about, at: 77 })
    expect(log).toEqual(['ready at 77'])
    expect(messages).toEqual(['home.0 is ready on a'])
  })
})

describe('a leader that was paused until its lease was over', () => {
  it.each<Action>([{ verb: 'drain', ...about, timeoutMs: 99 }, stop, remove])(
    'writes no mark on what it saw before: no leader would lift it (I5, I9) ($verb)',
    async (action) => {
      const { error, log } = await run(action, { lost: new LeaseLost('it stood still') })
      expect(error).toBeInstanceOf(LeaseLost)
      expect(log).toEqual([])
    },
  )
})
