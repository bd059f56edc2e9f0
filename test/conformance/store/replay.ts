import fc from 'fast-check'
import { expect } from 'vitest'
import { RESERVATION_TTL_MS, type Reservation } from '../../../src/store/store.ts'
import { id, type StoreBench, session } from './sample.ts'

type Verb = 'reserve' | 'release' | 'wait'

export interface Step {
  readonly verb: Verb
  readonly name: string
  readonly engine: Reservation['containerId']
  readonly holder: string
  readonly max: number
  /** For `wait`. A wall clock may step back. */
  readonly ms: number
}

/** Calls about few sessions on few engines. */
export function anySteps(verbs: readonly Verb[]): fc.Arbitrary<readonly Step[]> {
  const step = fc.record({
    verb: fc.constantFrom(...verbs),
    name: fc.constantFrom('p', 'q', 'r', 's', 't'),
    engine: fc.constantFrom(id('a'), id('b')),
    holder: fc.constantFrom('gateway-1', 'gateway-2'),
    max: fc.integer({ min: 1, max: 3 }),
    ms: fc.integer({ min: -10_000, max: 20_000 }),
  })
  return fc.array(step, { maxLength: 60 })
}

/** The rules again, in the plainest words: a place is lost for good once a claim has found it lapsed. */
export async function replaySessions(
  { store, now, pass }: StoreBench,
  fleet: string,
  steps: readonly Step[],
): Promise<void> {
  const live = new Map<string, Reservation>()
  for (const { verb, name, engine, holder, max, ms } of steps) {
    if (verb === 'wait') await pass(ms)
    const on = (containerId: string) =>
      [...live.values()].filter((one) => one.containerId === containerId && one.expiresAt > now())
    if (verb === 'release') {
      await store.release(fleet, name, now())
      live.delete(name)
    } else if (verb === 'reserve') {
      const nowMs = now()
      for (const [key, one] of live) if (one.expiresAt <= nowMs) live.delete(key)
      const expiresAt = nowMs + RESERVATION_TTL_MS
      const wanted = session(name, { containerId: engine, holder, expiresAt })
      const mine = live.get(name)
      const isRenewal = mine?.holder === holder && mine.containerId === engine
      const isTaken = mine !== undefined && mine.holder !== holder
      const grants = isRenewal || (!isTaken && on(engine).length < max)
      expect(await store.reserve(fleet, wanted, max, nowMs)).toBe(grants ? 'reserved' : 'full')
      if (grants) live.set(name, wanted)
    }
    const { streams } = await store.readFleet(fleet, now())
    for (const containerId of [id('a'), id('b')]) {
      const load = streams.get(containerId)
      expect((load?.active ?? 0) + (load?.pending ?? 0)).toBe(on(containerId).length)
    }
  }
}
