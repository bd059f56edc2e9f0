import { expect, it } from 'vitest'
import { StaleEpoch } from '../../../src/store/errors.ts'
import type { UserRequest } from '../../../src/store/store.ts'
import {
  acceptedSpec,
  draining,
  endpoint,
  event,
  FLEET,
  fleetStatus,
  id,
  leadFrom,
  type OpenStore,
  session,
  T0,
} from './sample.ts'

const READY = { specHash: 'h', failedStarts: 2, lastFailure: 'exit 1', lastFailureAt: T0 }

/** What one fleet's planning remembers. */
export function describeMemory(open: OpenStore): void {
  it('remembers nothing of a fleet it never heard of, but says which incarnation it is', async () => {
    await using bench = await open()
    const { store } = bench
    const memory = await store.readFleet('nobody', T0)
    expect(memory.incarnation).not.toBe('')
    expect(memory.bornAt).toBeGreaterThan(0)
    expect([...memory.marks, ...memory.engines, ...memory.streams, ...memory.backoff]).toEqual([])
    expect(memory.requests).toEqual([])
    expect(memory.rollout).toBeUndefined()
  })

  it('hardens a mark: to failed, to an earlier deadline, to a time of stopping (I7)', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    await store.mark(FLEET, draining(epoch))
    await store.mark(FLEET, draining(epoch, { at: T0 + 9, deadlineAt: T0 + 5 }))
    await store.mark(FLEET, draining(epoch, { stopAt: T0 + 7 }))
    const stands = await store.mark(
      FLEET,
      draining(epoch, { kind: 'failed', reason: 'EngineFailed', stopAt: T0 + 99 }),
    )
    const hardest = {
      containerId: id('a'),
      kind: 'failed',
      reason: 'EngineFailed',
      at: T0,
      deadlineAt: T0 + 5,
      stopAt: T0 + 7,
      epoch,
    }
    expect(stands).toEqual(hardest)
    expect((await store.readFleet(FLEET, T0)).marks.get(id('a'))).toEqual(hardest)
  })

  it.each([3_600_000, -3_600_000])(
    'keeps a drain as long, and as far from its end, when clocks are set by %i ms (I5)',
    async (stepMs) => {
      await using bench = await open()
      const { store } = bench
      const epoch = await leadFrom(store)
      const at = bench.now()
      await store.mark(FLEET, draining(epoch, { at, deadlineAt: at + 600_000 }))
      const read = async () => (await store.readFleet(FLEET, bench.now())).marks.get(id('a'))
      for (const untilRead of [false, true]) {
        if (untilRead) await read()
        bench.setClock(stepMs)
        const leftMs = ((await read())?.deadlineAt ?? 0) - bench.now()
        expect(leftMs).toBeLessThanOrEqual(600_001)
        expect(leftMs).toBeGreaterThan(500_000)
      }
    },
  )

  it('never softens a mark, whatever a later term writes (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const first = await leadFrom(store)
    const failed = draining(first, { kind: 'failed', reason: 'EngineFailed', stopAt: T0 })
    await store.mark(FLEET, failed)
    const second = await leadFrom(store)
    const stands = await store.mark(FLEET, draining(second, { deadlineAt: T0 + 9_000_000 }))
    expect(stands).toEqual(failed)
  })

  it('keeps the first time an engine was ready (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    await store.noteReady(FLEET, epoch, id('a'), T0 + 1)
    await store.noteReady(FLEET, epoch, id('a'), T0 + 2)
    expect((await store.readFleet(FLEET, T0)).engines.get(id('a'))).toEqual({
      firstReadyAt: T0 + 1,
    })
  })

  it('keeps and clears back-off per slot, fractions of a ms included', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    const backoff = { failures: 3, notBefore: T0 + 8123.456, containerId: id('a') }
    await store.setBackoff(FLEET, epoch, '0', { ...backoff, failures: 2 })
    await store.setBackoff(FLEET, epoch, '0', backoff)
    await store.setBackoff(FLEET, epoch, 'forwarded', backoff)
    await store.setBackoff(FLEET, epoch, 'forwarded', undefined)
    expect([...(await store.readFleet(FLEET, T0)).backoff]).toEqual([['0', backoff]])
  })

  it('keeps and clears the rollout note', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    await store.setRollout(FLEET, epoch, READY)
    expect((await store.readFleet(FLEET, T0)).rollout).toEqual(READY)
    await store.setRollout(FLEET, epoch, undefined)
    expect((await store.readFleet(FLEET, T0)).rollout).toBeUndefined()
  })

  it('keeps and clears what is remembered of a VPN node', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    const cure = {
      tries: 2,
      begunAt: T0 + 0.25,
      notBefore: T0 + 60_000.5,
      generation: 'abc@2026-01-01T00:00:00.123456789Z',
      specHash: 'h',
      resumeAt: T0 + 1,
      endedAt: undefined,
      failure: 'line one\nline "two"',
    }
    const note = { hadPort: true, cures: { vpn: cure } }
    const closed = {
      hadPort: false,
      cures: { port: { ...cure, resumeAt: undefined, endedAt: T0 } },
    }
    await store.setNodeNote(FLEET, epoch, 'gluetun-a', closed)
    await store.setNodeNote(FLEET, epoch, 'gluetun-a', note)
    await store.setNodeNote(FLEET, epoch, 'gluetun-b', closed)
    expect([...(await store.readFleet(FLEET, T0)).nodes]).toEqual([
      ['gluetun-a', note],
      ['gluetun-b', closed],
    ])
    await store.setNodeNote(FLEET, epoch, 'gluetun-a', undefined)
    expect([...(await store.readFleet(FLEET, T0)).nodes.keys()]).toEqual(['gluetun-b'])
  })

  it('keeps a request once, in the order of asking, until it is taken back', async () => {
    await using bench = await open()
    const { store } = bench
    const cordon: UserRequest = { kind: 'cordon', node: 'gluetun-a' }
    const requests: UserRequest[] = [
      cordon,
      { kind: 'drainNode', node: 'gluetun-a' },
      { kind: 'drainEngine', containerId: id('a') },
      { kind: 'delete' },
    ]
    for (const request of [...requests, ...requests]) await store.addRequest(FLEET, request)
    expect((await store.readFleet(FLEET, T0)).requests).toEqual(requests)
    await store.removeRequest(FLEET, cordon)
    await store.removeRequest(FLEET, cordon)
    expect((await store.readFleet(FLEET, T0)).requests).toEqual(requests.slice(1))
    expect((await store.readFleet('away', T0)).requests).toEqual([])
  })

  it('keeps one request to forward: a new one takes the place of the older one', async () => {
    await using bench = await open()
    const { store } = bench
    const cordon: UserRequest = { kind: 'cordon', node: 'gluetun-a' }
    await store.addRequest(FLEET, { kind: 'forward', node: 'gluetun-a' })
    await store.addRequest(FLEET, cordon)
    await store.addRequest('away', { kind: 'forward', node: 'gluetun-c' })
    await store.addRequest(FLEET, { kind: 'forward', node: 'gluetun-b' })
    await store.addRequest(FLEET, { kind: 'forward', node: 'gluetun-b' })
    const forward: UserRequest = { kind: 'forward', node: 'gluetun-b' }
    expect((await store.readFleet(FLEET, T0)).requests).toEqual([cordon, forward])
    expect((await store.readFleet('away', T0)).requests).toHaveLength(1)
    // One that was replaced meanwhile is not there to be taken back.
    await store.removeRequest(FLEET, { kind: 'forward', node: 'gluetun-a' })
    expect((await store.readFleet(FLEET, T0)).requests).toEqual([cordon, forward])
  })

  it('ends a request for the leader, and not for one that led before (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const stale = await leadFrom(store)
    const epoch = await leadFrom(store)
    const request: UserRequest = { kind: 'drainEngine', containerId: id('a') }
    await store.addRequest(FLEET, request)
    await expect(store.endRequest(FLEET, stale, request)).rejects.toThrow(StaleEpoch)
    expect((await store.readFleet(FLEET, T0)).requests).toEqual([request])
    await store.endRequest(FLEET, epoch, request)
    await store.endRequest(FLEET, epoch, request)
    expect((await store.readFleet(FLEET, T0)).requests).toEqual([])
  })

  it('forgets of one container everything, and of the others nothing', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    for (const containerId of [id('a'), id('b')]) {
      await store.reserve(FLEET, session(containerId, { containerId }), 2, T0)
      await store.noteReady(FLEET, epoch, containerId, T0)
      await store.mark(FLEET, draining(epoch, { containerId }))
      await store.addRequest(FLEET, { kind: 'drainEngine', containerId })
    }
    await store.forget(FLEET, epoch, id('a'))
    const memory = await store.readFleet(FLEET, T0)
    expect([...memory.marks.keys()]).toEqual([id('b')])
    expect([...memory.engines.keys()]).toEqual([id('b')])
    expect([...memory.streams.keys()]).toEqual([id('b')])
    expect(memory.requests).toEqual([{ kind: 'drainEngine', containerId: id('b') }])
  })

  it('shows what was published last, per fleet', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    const away = await store.openTerm('away', 'host:1', 0, T0)
    await store.publish(FLEET, epoch, fleetStatus(epoch, { ready: 0 }), [])
    await store.publish(FLEET, epoch, fleetStatus(epoch), [
      endpoint(epoch),
      endpoint(epoch, { containerId: id('b'), vpn: undefined }),
    ])
    await store.publish('away', away, fleetStatus(away, { fleet: 'away' }), [])
    expect(await store.statuses()).toEqual([
      fleetStatus(away, { fleet: 'away' }),
      fleetStatus(epoch),
    ])
    expect(await store.endpoints(FLEET)).toEqual([
      endpoint(epoch),
      endpoint(epoch, { containerId: id('b'), vpn: undefined }),
    ])
    expect(await store.endpoints('away')).toEqual([])
    expect(await store.endpoints('nobody')).toEqual([])
  })

  it('drops of a deleted fleet all but its events and its epoch (I6)', async () => {
    await using bench = await open()
    const { store } = bench
    const epoch = await leadFrom(store)
    await store.mark(FLEET, draining(epoch))
    await store.noteReady(FLEET, epoch, id('a'), T0)
    await store.setBackoff(FLEET, epoch, '0', { failures: 1, notBefore: T0, containerId: id('a') })
    await store.setRollout(FLEET, epoch, READY)
    await store.setNodeNote(FLEET, epoch, 'gluetun-a', { hadPort: true, cures: {} })
    await store.reserve(FLEET, session('r', { containerId: id('b') }), 2, T0)
    await store.addRequest(FLEET, { kind: 'delete' })
    await store.acceptSpec(acceptedSpec(1))
    await store.acceptSpec(acceptedSpec(1, { fleet: 'away' }))
    await store.publish(FLEET, epoch, fleetStatus(epoch), [endpoint(epoch)])
    await store.appendEvents([event()])
    const { incarnation, bornAt } = await store.readFleet('nobody', T0)

    await store.dropFleet(FLEET, epoch)

    expect(await store.readFleet(FLEET, T0)).toEqual({
      ...(await store.readFleet('nobody', T0)),
      incarnation,
      bornAt,
    })
    expect(await store.statuses()).toEqual([])
    expect(await store.endpoints(FLEET)).toEqual([])
    expect((await store.acceptedSpecs()).map((spec) => spec.fleet)).toEqual(['away'])
    expect(await store.events({ fleet: FLEET })).toHaveLength(1)
    expect(await leadFrom(store)).toBeGreaterThan(epoch)
  })
}
