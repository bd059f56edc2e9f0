import { expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { UnknownOutcome } from '../docker/errors.ts'
import type { ContainerId, Docker } from '../docker/port.ts'
import { type Epoch, type Lease, LeaseLost } from '../lease/lease.ts'
import type { Generation } from '../observe/observation.ts'
import { withTry } from '../plan/cure-record.ts'
import type { NodeAction } from '../plan/node-action.ts'
import { StaleEpoch, StoreUnavailable } from '../store/errors.ts'
import type { NodeNote } from '../store/node-note.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { RestartVpn, VpnRestart } from '../vpn/restart-vpn.ts'
import { makeCures } from './cures.ts'

const NODE = { containerId: 'a'.repeat(64) as ContainerId, generation: 'a@1' as Generation }
const about = {
  ...{ vpn: 'gluetun-a', generation: NODE.generation, why: 'is down' },
  note: withTry(undefined, 'vpn', NODE, 'h', 0),
}
const target = { node: { name: 'gluetun-a', control: {} }, address: undefined, startedAt: 0 }
const vpnCure: NodeAction = {
  ...{ verb: 'restartVpn', ...about, kind: 'vpn' },
  ...{ target, isResumed: false },
}
const containerCure: NodeAction = {
  ...{ verb: 'restartContainer', ...about, containerId: NODE.containerId },
  ...{ kind: 'container', note: withTry(undefined, 'container', NODE, 'h', 0) },
}

function bench(restart: VpnRestart | RestartVpn = { kind: 'restarted' }) {
  const clock = makeVirtualClock()
  const log: string[] = []
  const notes: (NodeNote | undefined)[] = []
  const events: NewFleetEvent[] = []
  const losses: Error[] = []
  const lost = new AbortController()
  /** Faults to come, by step. */
  const faults: Partial<Record<'hold' | 'note' | 'docker', Error>> = {}
  const fail = (step: keyof typeof faults) => {
    const error = faults[step]
    if (error !== undefined) throw error
  }
  const lease: Lease = {
    ...{ fleet: 'home', epoch: 1 as Epoch, lost: lost.signal },
    assertHeld: () => fail('hold'),
  }
  const cures = makeCures({
    ...{ clock, lease },
    store: {
      async setNodeNote(_: string, __: number, node: string, note: NodeNote | undefined) {
        log.push(`note ${node}`)
        fail('note')
        notes.push(note)
      },
    } as Partial<Store> as Store,
    docker: {
      async restartNode(_: Lease, id: ContainerId) {
        log.push(`restart ${id.slice(0, 1)}`)
        fail('docker')
      },
    } as Partial<Docker> as Docker,
    restartVpn: async (at, order, signal) => {
      if (typeof restart === 'function') return restart(at, order, signal)
      order.assertMay()
      log.push(`tell ${at.node.name}`)
      return restart
    },
    record: (event) => events.push(event),
    onEnd: () => log.push('end'),
    onLost: (error) => losses.push(error),
  })
  const submit = async (action: NodeAction) => {
    cures.submit(action, 'r')
    await clock.runUntil(() => cures.curing() === undefined, 600_000)
  }
  const reasons = () => events.map(({ reason }) => reason)
  return { cures, clock, log, notes, losses, lost, faults, submit, reasons }
}

const failed = (vpn: 'untouched' | 'running' | 'stopped' | 'unknown'): VpnRestart => ({
  ...{ kind: 'failed', reason: 'refused', message: 'why', vpn },
})

it('writes what it is about to do before it tells Gluetun, and how it went after', async () => {
  const { submit, log, notes, reasons } = bench()
  await submit(vpnCure)
  expect(log).toEqual(['note gluetun-a', 'tell gluetun-a', 'note gluetun-a', 'end'])
  expect(notes[0]?.cures.vpn).toMatchObject({ tries: 1, resumeAt: 0 })
  expect(notes[1]?.cures.vpn).toMatchObject({ tries: 1, resumeAt: undefined, failure: '' })
  expect(reasons()).toEqual(['VpnRestarted'])
})

it('does not tell Gluetun what it could not write down', async () => {
  const { submit, log, faults, reasons } = bench()
  faults.note = new StoreUnavailable('the store is away')
  await submit(vpnCure)
  expect(log).not.toContain('tell gluetun-a')
  expect(reasons()).toEqual(['VpnRestartFailed'])
})

it.each([
  ['untouched', false],
  ['running', false],
  ['stopped', true],
  ['unknown', true],
] as const)('after a try that left the VPN %s, a start is owed: %s', async (vpn, isOwed) => {
  const { submit, notes, reasons } = bench(failed(vpn))
  await submit(vpnCure)
  expect(notes[1]?.cures.vpn?.failure).toBe('why')
  expect(notes[1]?.cures.vpn?.resumeAt !== undefined).toBe(isOwed)
  expect(reasons()).toEqual(['VpnRestartFailed'])
})

it('does nothing without the lease, nor when it is lost before Gluetun is told (I7)', async () => {
  for (const at of ['before', 'between'] as const) {
    const { submit, log, faults, losses } = bench((_, { assertMay }) => {
      faults.hold = new LeaseLost('lost')
      assertMay()
      return Promise.reject(new Error('it was told'))
    })
    if (at === 'before') faults.hold = new LeaseLost('lost')
    await submit(vpnCure)
    expect(log).toEqual(at === 'before' ? ['end'] : ['note gluetun-a', 'end'])
    expect(losses[0]).toBeInstanceOf(LeaseLost)
  }
})

it('begins nothing that was decided long ago', async () => {
  const { submit, clock, notes, reasons } = bench(async (_, { assertMay }) => {
    await clock.sleep(5_001)
    assertMay()
    return { kind: 'restarted' }
  })
  await submit(vpnCure)
  expect(reasons()).toEqual(['VpnRestartFailed'])
  expect(notes[1]?.cures.vpn).toMatchObject({ resumeAt: undefined, endedAt: undefined })
})

it('gives way to a later epoch', async () => {
  const { submit, faults, losses, log } = bench()
  faults.note = new StaleEpoch('later')
  await submit(vpnCure)
  expect(losses[0]).toBeInstanceOf(StaleEpoch)
  expect(log).not.toContain('tell gluetun-a')
})

it('does one thing at a time, and hears of the end of the term', async () => {
  let isAborted = false
  const { cures, log } = bench(
    (_, __, signal) =>
      new Promise((resolve) => {
        const onAbort = () => {
          isAborted = true
          resolve(failed('untouched'))
        }
        if (signal.aborted) onAbort()
        else signal.addEventListener('abort', onAbort)
      }),
  )
  cures.submit(vpnCure, 'r')
  const stamp = cures.stamp()
  cures.submit({ ...containerCure, vpn: 'gluetun-b' }, 'r')
  expect(cures.curing()).toBe('gluetun-a')
  await cures[Symbol.asyncDispose]()
  expect([isAborted, cures.curing()]).toEqual([true, undefined])
  expect(cures.stamp()).not.toBe(stamp)
  expect(log.filter((line) => line.startsWith('restart'))).toEqual([])
  cures.submit(vpnCure, 'r')
  expect(cures.curing()).toBeUndefined()
})

it('restarts a container, and leaves it open when nobody knows whether it did (I8)', async () => {
  const { submit, log, notes, faults, reasons } = bench()
  await submit(containerCure)
  expect(log).toEqual(['note gluetun-a', 'restart a', 'note gluetun-a', 'end'])
  expect(notes[1]?.cures.container).toMatchObject({ resumeAt: undefined })
  faults.docker = new UnknownOutcome('no answer')
  await submit(containerCure)
  expect(notes[3]?.cures.container?.resumeAt).toBeDefined()
  expect(reasons()).toEqual(['VpnContainerRestarted', 'VpnRestartFailed'])
})
