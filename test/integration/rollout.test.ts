import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView } from '../../src/api/view.ts'
import type { ContainerId } from '../../src/docker/port.ts'
import { engineSettings, makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { findEngine } from '../harness/standins.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness

beforeAll(async () => {
  rig = await makeRig()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(spec({}))
  await rig.start()
  await rig.converged(4)
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

function spec(env: Readonly<Record<string, string>>, more: SpecBody = {}): SpecBody {
  return tunnelled(rig, { engine: engineSettings(rig, { env, ...more }) })
}

const ids = (engines: readonly EngineView[]) => engines.map((engine) => engine.containerId ?? '')

async function condition(type: string): Promise<string | undefined> {
  return (await rig.fleetView()).conditions.find((c) => c.type === type)?.message
}

/** How many containers were created since. */
function attempts(from: number): number {
  return witness.history.slice(from).filter((event) => event.action === 'create').length
}

/** How long nothing came after each death that has a successor, ms. They come one by one. */
function pauses(from: number): readonly number[] {
  const history = witness.history.slice(from)
  const births = history.filter((event) => event.action === 'create')
  const deaths = history.filter((event) => event.action === 'die')
  return deaths.flatMap((death) => {
    const birth = births.find(({ at }) => at > death.at)
    return birth === undefined ? [] : [birth.at - death.at]
  })
}

function expectBackOff(actual: readonly number[], count: number): void {
  // 0, 1, 2 and 4 s, ± 20 %: a busy machine makes them only longer.
  const least = [0, 800, 1_600, 3_200].slice(0, count)
  expect(actual).toHaveLength(count)
  for (const [i, ms] of least.entries()) expect(actual[i]).toBeGreaterThanOrEqual(ms)
  expect(actual[0]).toBeLessThan(actual.at(-1) ?? 0)
}

async function mark(): Promise<number> {
  await witness.caughtUp()
  return witness.history.length
}

/** The old engines serve on, whatever becomes of new ones; beside those given up, never is there more than one. */
async function untouched(old: readonly string[], from: number): Promise<void> {
  const engines = await rig.engines()
  const serving = engines.filter((engine) => engine.ready && old.includes(engine.containerId ?? ''))
  expect(ids(serving).toSorted()).toEqual(old.toSorted())
  await witness.caughtUp()
  const failed = (await rig.events()).filter((event) => event.reason === 'EngineFailed')
  const givenUpAt = new Map(failed.map((event) => [event.containerId, Date.parse(event.at)]))
  const alive = new Set<string>()
  for (const { action, id, at } of witness.history.slice(from)) {
    expect(old).not.toContain(id)
    if (action === 'create') alive.add(id)
    if (action === 'die' || action === 'destroy') alive.delete(id)
    const counted = [...alive].filter((each) => at < (givenUpAt.get(each as ContainerId) ?? at + 1))
    expect(counted.length).toBeLessThanOrEqual(1)
  }
}

describe('a rollout whose engines fail their start', () => {
  test('is paused: old engines stay, one new one is tried again ever more seldom (I2)', async () => {
    const old = ids(await rig.converged(4))
    const from = await mark()
    await rig.edit(spec({ STANDIN_EXIT_CODE: '3' }))
    await rig.until('the rollout is paused', async () =>
      (await condition('RolloutPaused'))?.includes('of the new spec exited'),
    )
    await rig.until('three more were tried', async () => attempts(from) >= 4)
    expectBackOff(pauses(from), 3)
    await rig.until('it says that the next one waits', () => condition('BackingOff'))
    await untouched(old, from)
    const told = (await rig.events()).filter((event) => event.reason === 'EngineExited')
    expect(told[0]?.message).toContain('exited with code 3')
  })

  test('is finished once the spec is corrected', async () => {
    const old = ids(await rig.engines())
    await rig.edit(spec({ CACHE_LIMIT: '2' }))
    const engines = await rig.converged(4)
    expect(ids(engines).filter((id) => old.includes(id))).toEqual([])
    expect(await condition('RolloutPaused')).toBeUndefined()
    expect(await condition('BackingOff')).toBeUndefined()
    const reasons = (await rig.events()).map((event) => event.reason)
    const order = ['RolloutStarted', 'RolloutPaused', 'RolloutFinished'] as const
    const last = order.map((reason) => reasons.lastIndexOf(reason))
    expect(last).toEqual(last.toSorted((a, b) => a - b))
    expect(last).not.toContain(-1)
  })

  test('is paused by engines that are too slow, and undone by going back: nobody is replaced', async () => {
    const old = ids(await rig.converged(4))
    const from = await mark()
    const slow = { CACHE_LIMIT: '2', STANDIN_START_DELAY_MS: '600000' }
    await rig.edit(spec(slow, { startTimeout: '3s' }))
    await rig.until('the rollout is paused', async () =>
      (await condition('RolloutPaused'))?.includes('gave no good answer'),
    )
    await untouched(old, from)
    await rig.edit(spec({ CACHE_LIMIT: '2' }))
    expect(ids(await rig.converged(4)).toSorted()).toEqual(old.toSorted())
    expect(await condition('RolloutPaused')).toBeUndefined()
    await untouched(old, from)
  })
})

describe('an engine that dies again and again', () => {
  test('is replaced at once the first time, then after growing pauses; the others are let be', async () => {
    const before = await rig.converged(4)
    const [first] = before.filter((engine) => !engine.forwarded)
    const others = ids(before).filter((id) => id !== first?.containerId)
    const from = await mark()
    let victim = first?.containerId ?? ''
    for (let death = 1; death <= 4; death++) {
      await (await findEngine(rig.docker, victim)).setMode({ mode: 'exit', exitCode: 42 })
      victim = await rig.until(`replacement ${death} is ready`, async () => {
        const found = (await rig.engines()).find((e) => !others.includes(e.containerId ?? ''))
        if (death === 4 && found === undefined) {
          expect(await condition('BackingOff')).toContain('failed 4 times in a row')
          return 'held back'
        }
        return found?.ready && found.containerId !== victim ? (found.containerId ?? '') : undefined
      })
    }
    expect(victim).toBe('held back')
    await rig.converged(4)

    await witness.caughtUp()
    expectBackOff(pauses(from), 4)
    const history = witness.history.slice(from)
    expect(history.filter((event) => others.includes(event.id))).toEqual([])
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
