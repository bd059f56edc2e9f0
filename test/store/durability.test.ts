import { renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  acceptedSpec,
  draining,
  event,
  FLEET,
  id,
  leadFrom,
  session,
  T0,
} from '../conformance/store/sample.ts'
import { script, startChild } from './child.ts'
import { open, PATIENCE_MS, refusal, useDataDir } from './data-dir.ts'

const dir = useDataDir()

describe('what outlives the process', () => {
  it('everything, the incarnation included', async () => {
    const first = await open(dir.path)
    const epoch = await leadFrom(first)
    await first.mark(FLEET, draining(epoch))
    await first.reserve(FLEET, session('r', { containerId: id('b') }), 2, T0)
    await first.addRequest(FLEET, { kind: 'cordon', node: 'gluetun-a' })
    await first.acceptSpec(acceptedSpec(1))
    await first.appendEvents([event()])
    const memory = await first.readFleet(FLEET, T0)
    await first[Symbol.asyncDispose]()

    await using second = await open(dir.path, 'second')
    expect(await second.readFleet(FLEET, T0)).toEqual(memory)
    expect(memory.incarnation).toBe('first')
    expect(await second.acceptedSpecs()).toEqual([acceptedSpec(1)])
    expect(await second.events({})).toHaveLength(1)
    expect(await leadFrom(second)).toBeGreaterThan(epoch)
  })

  it(
    'every mark that was answered, when the process is killed (I7)',
    async () => {
      const child = startChild(script('mark-until-killed.ts', dir.path))
      while (Number(await child.next()) < 50);
      const rest = child.rest()
      await child.kill()
      const answered = 1 + Math.max(50, ...(await rest).map(Number))
      await using store = await open(dir.path)
      const { marks } = await store.readFleet(FLEET, T0)
      // One more may have been written without its answer having been said.
      expect(marks.size - answered).toBeOneOf([0, 1])
    },
    PATIENCE_MS,
  )

  it(
    'nothing of a transaction that was cut off in the middle',
    async () => {
      {
        await using store = await open(dir.path)
        await store.mark(FLEET, draining(await leadFrom(store)))
      }
      const file = join(dir.path, 'store.db')
      await using child = startChild(script('die-in-transaction.ts', file))
      expect(await child.rest()).toEqual(['in the middle'])
      await using store = await open(dir.path)
      expect((await store.events({ limit: 10_000 })).map(({ message }) => message)).toEqual([
        'whole',
      ])
      expect((await store.readFleet(FLEET, T0)).marks.size).toBe(1)
    },
    PATIENCE_MS,
  )

  it('nothing of an in-memory store, which is a new incarnation each time', async () => {
    await using first = await open(':memory:', 'first')
    await using second = await open(':memory:', 'second')
    await first.acceptSpec(acceptedSpec(1))
    expect(await second.acceptedSpecs()).toEqual([])
    expect((await second.readFleet(FLEET, T0)).incarnation).toBe('second')
  })
})

it('keeps its file from other users, for specs may carry secrets', async () => {
  const inside = join(dir.path, 'made', 'deep')
  await using store = await open(inside)
  await store.addRequest(FLEET, { kind: 'delete' })
  expect(statSync(inside).mode & 0o777).toBe(0o700)
  for (const name of ['store.db', 'store.db-wal']) {
    expect(statSync(join(inside, name)).mode & 0o777).toBe(0o600)
  }
})

it('is unavailable while its file is removed or replaced, and forgets nothing when it is put back', async () => {
  await using store = await open(dir.path)
  const epoch = await leadFrom(store)
  await store.mark(FLEET, draining(epoch))
  const file = join(dir.path, 'store.db')
  renameSync(file, `${file}.away`)
  expect(await refusal(store.readFleet(FLEET, T0))).toContain('removed or replaced')
  writeFileSync(file, '')
  expect(await refusal(store.noteReady(FLEET, epoch, id('b'), T0))).toContain('removed or replaced')
  expect(statSync(file).size).toBe(0)
  renameSync(`${file}.away`, file)
  await store.noteReady(FLEET, epoch, id('b'), T0)
  expect((await store.readFleet(FLEET, T0)).marks.size).toBe(1)
})

it('is unavailable once closed, and may be closed twice', async () => {
  const store = await open(dir.path)
  await store[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  expect(await refusal(store.statuses())).toContain('closed')
})
