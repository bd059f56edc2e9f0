import { describe, expect, it } from 'vitest'
import {
  type EngineSketch,
  NOW,
  type NodeSketch,
  type Sketch,
  scene,
} from '../../test/harness/scene.ts'
import { type ControlReading, TUNNEL_DEAD } from '../observe/observation.ts'
import type { NodeNote } from '../store/node-note.ts'
import type { PlanInput } from './input.ts'
import { planFleet } from './plan.ts'

const MINUTE_MS = 60_000

const reading: ControlReading = {
  kind: 'reading',
  status: 'running',
  publicIp: '',
  publicIpEnabled: true,
  ports: [],
  at: NOW,
}

const up = (name: string, port = 0, forMs = 600_000): NodeSketch => ({
  ...{ name, port, control: reading, since: NOW - forMs },
  grant: { isGranted: port > 0, since: NOW - forMs },
})

const down = (name: string, reason = 'Unhealthy', forMs = 2 * MINUTE_MS): NodeSketch => ({
  ...{ name, state: 'down', reason, control: reading, since: NOW - forMs },
  ...{ lost: false, downSince: NOW - forMs },
})

interface Given {
  readonly nodes: readonly NodeSketch[]
  readonly engines?: readonly EngineSketch[]
  readonly notes?: Readonly<Record<string, NodeNote>>
  readonly sketch?: Partial<Sketch>
  readonly vpn?: Partial<PlanInput['fleet']['vpn']>
  readonly curing?: string
  readonly scope?: 'fleet' | 'vpn' | 'none'
  readonly prefer?: string
}

function input({ nodes, engines = [], notes = {}, scope, prefer, ...given }: Given): PlanInput {
  const spec = {
    replicas: Math.max(1, engines.length),
    ...(scope && { scope }),
    ...(prefer && { prefer }),
  }
  const made = scene({ spec, nodes, engines, notes, ...given.sketch })
  const vpn = { ...made.fleet.vpn, restartVpnAfterMs: MINUTE_MS, ...given.vpn }
  return { ...made, fleet: { ...made.fleet, vpn }, curing: given.curing }
}

function plan(given: Given) {
  const { cure, conditions, bookkeeping, wakeAt, vpns } = planFleet(input(given))
  const isStuck = (type: string) => type === 'VpnStuck' || type === 'PortStuck'
  return {
    ...{ cure, bookkeeping, wakeAt, vpns },
    said: cure && `${cure.verb} ${cure.vpn} ${cure.kind}`,
    stuck: conditions.filter(({ type }) => isStuck(type)),
  }
}

/** The note that a plan leaves behind when it begins a cure. */
const noteOf = (given: Given): NodeNote => {
  const { cure } = plan(given)
  if (cure === undefined) throw new Error('nothing is begun')
  return cure.note
}

/** What a plan would remember once that was done, and its node waited for. */
const done = (note: NodeNote, failure = ''): NodeNote => {
  const cures = Object.entries(note.cures).map(([kind, record]) => {
    const over = { resumeAt: undefined, endedAt: NOW - 10 * MINUTE_MS, failure }
    return [kind, { ...record, ...over }]
  })
  return { ...note, cures: Object.fromEntries(cures) }
}

describe('a node that is down', () => {
  it('has its VPN restarted after restartVpnAfter, and not before', () => {
    expect(plan({ nodes: [down('a')] }).said).toBe('restartVpn a vpn')
    const early = plan({ nodes: [down('a', 'Unhealthy', MINUTE_MS - 1)] })
    expect(early).toMatchObject({ cure: undefined, stuck: [], wakeAt: NOW + 1 })
    const never = { nodes: [down('a')], vpn: { restartVpnAfterMs: 'never' } } as const
    expect(plan(never)).toMatchObject({ cure: undefined, stuck: [] })
  })

  it.each(['Unhealthy', 'VpnStopped', 'VpnCrashed', 'VpnStarting', 'NoPublicIp'])(
    'is cured of %s',
    (reason) => {
      expect(plan({ nodes: [down('a', reason)] }).said).toBe('restartVpn a vpn')
    },
  )

  it.each(['ContainerNotRunning', 'ContainerMissing'])('is not cured of %s by that', (reason) => {
    expect(plan({ nodes: [down('a', reason)] }).cure).toBeUndefined()
  })

  it('has its container restarted when that is asked for, before all else, and also when it exited', () => {
    const vpn = { restartContainerAfterMs: 2 * MINUTE_MS }
    expect(plan({ nodes: [down('a')], vpn }).said).toBe('restartContainer a container')
    const stopped = down('a', 'ContainerNotRunning')
    expect(plan({ nodes: [stopped], vpn }).said).toBe('restartContainer a container')
    expect(plan({ nodes: [down('a', 'ContainerMissing')], vpn }).cure).toBeUndefined()
  })

  it('is left alone while bytes may flow there (I5)', () => {
    const engines = [{ slot: '0', streams: 1 }]
    const { cure, stuck } = plan({ nodes: [down('a')], engines })
    expect([cure, stuck[0]?.reason]).toEqual([undefined, 'Forbidden'])
    const silent = [{ slot: '0', streams: 1, lastBytesAt: NOW - 20_000 }]
    expect(plan({ nodes: [down('a')], engines: silent }).said).toBe('restartVpn a vpn')
    const young = { nodes: [down('a')], engines: [{ slot: '0' }], sketch: { bornAt: NOW - 1 } }
    expect(plan(young).cure).toBeUndefined()
  })

  it('is left alone while its control server refuses, and the reason is told', () => {
    const control = { kind: 'refused', message: 'the role lines', at: NOW } as const
    const { cure, stuck } = plan({ nodes: [{ ...down('a'), control }] })
    expect(cure).toBeUndefined()
    expect(stuck).toMatchObject([{ type: 'VpnStuck', reason: 'Forbidden' }])
    expect(stuck[0]?.message).toContain('the role lines')
  })

  it('by its engines’ words alone is left alone while no other VPN works', () => {
    const dead = down('a', TUNNEL_DEAD)
    expect(plan({ nodes: [dead, down('b', 'ContainerMissing')] }).cure).toBeUndefined()
    expect(plan({ nodes: [dead, up('b', 45_000)] }).said).toBe('restartVpn a vpn')
  })

  it('and cordoned stays stopped when somebody stopped it, and is cured of anything else', () => {
    const cordoned = (reason: string) => ({ ...down('a', reason), cordon: true })
    expect(plan({ nodes: [cordoned('VpnStopped')] }).cure).toBeUndefined()
    expect(plan({ nodes: [cordoned('Unhealthy')] }).said).toBe('restartVpn a vpn')
  })
})

it('nothing is done to a node that cannot be judged (I9)', () => {
  const unknown: NodeSketch = { ...down('a'), state: 'unknown', downSince: undefined }
  expect(plan({ nodes: [unknown] })).toMatchObject({ cure: undefined, stuck: [] })
})

describe('two nodes', () => {
  const both = [down('a'), down('b')]

  it('are never restarted at once', () => {
    expect(plan({ nodes: both }).said).toBe('restartVpn a vpn')
    const { cure, stuck } = plan({ nodes: both, curing: 'a' })
    expect(cure).toBeUndefined()
    expect(stuck.map(({ message }) => message).join()).toContain('after a, one node at a time')
  })

  it('wait for the one that was restarted to be seen again, by a reading that is younger', () => {
    const begun = noteOf({ nodes: both })
    const notes = (endedAt: number): Given['notes'] => {
      const { vpn } = done(begun).cures
      return vpn && { a: { ...begun, cures: { vpn: { ...vpn, endedAt } } } }
    }
    const stale = up('a', 45_000)
    expect(plan({ nodes: [stale, down('b')], notes: notes(NOW) ?? {} }).cure).toBeUndefined()
    expect(plan({ nodes: [stale, down('b')], notes: notes(NOW - 1) ?? {} }).said).toBe(
      'restartVpn b vpn',
    )
    expect(plan({ nodes: both, notes: notes(NOW - 29_999) ?? {} }).cure).toBeUndefined()
    expect(plan({ nodes: both, notes: notes(NOW - 30_000) ?? {} }).said).toBe('restartVpn b vpn')
  })

  it('wait two minutes for one of which nobody has told the end', () => {
    const begun = noteOf({ nodes: both })
    const { vpn } = begun.cures
    const since = (agoMs: number) =>
      plan({
        nodes: both,
        notes: vpn ? { a: { ...begun, cures: { vpn: { ...vpn, begunAt: NOW - agoMs } } } } : {},
      }).said
    expect(since(119_999)).toBeUndefined()
    expect(since(120_000)).toBe('restartVpn b vpn')
  })
})

describe('tries', () => {
  it('are repeated after 1, 2, 4 … 30 min, ± 20 %, and forgotten by another generation or an edit', () => {
    let note: NodeNote | undefined
    const waits = Array.from({ length: 8 }, () => {
      const notes: Given['notes'] = note === undefined ? {} : { a: note }
      note = noteOf({ nodes: [down('a')], notes })
      const wait = ((note.cures.vpn?.notBefore ?? 0) - NOW) / MINUTE_MS
      note = done(note)
      if (note.cures.vpn) note = { ...note, cures: { vpn: { ...note.cures.vpn, notBefore: NOW } } }
      return wait
    })
    for (const [index, wait] of waits.entries())
      expect(Math.abs(wait / Math.min(2 ** index, 30) - 1)).toBeLessThanOrEqual(0.2)

    const held = done(noteOf({ nodes: [down('a')] }))
    expect(plan({ nodes: [down('a')], notes: { a: held } }).cure).toBeUndefined()
    const other: NodeSketch = { ...down('a'), generation: 'a@2' as never }
    expect(plan({ nodes: [other], notes: { a: held } }).said).toBe('restartVpn a vpn')
    const edited = { nodes: [down('a')], notes: { a: held }, vpn: { restartVpnAfterMs: 1_000 } }
    expect(plan(edited).said).toBe('restartVpn a vpn')
  })

  it('are forgotten when the node has been well for ten minutes', () => {
    const old = (given: NodeNote): NodeNote => {
      const { vpn } = done(given).cures
      return {
        hadPort: false,
        cures: vpn ? { vpn: { ...vpn, begunAt: NOW - 60 * MINUTE_MS } } : {},
      }
    }
    const notes = { a: old(noteOf({ nodes: [down('a')] })) }
    const forget = { kind: 'setNodeNote', node: 'a', note: undefined }
    const well = { nodes: [up('a', 0, 10 * MINUTE_MS)], notes, scope: 'none' } as const
    expect(plan(well).bookkeeping).toContainEqual(forget)
    expect(plan({ ...well, nodes: [up('a', 0, 9 * MINUTE_MS)] }).bookkeeping).toEqual([])
  })

  it('that failed say why', () => {
    const a = done(noteOf({ nodes: [down('a')] }), 'no role has this route')
    const { stuck, vpns } = plan({ nodes: [down('a')], notes: { a } })
    expect(stuck[0]?.message).toContain('no role has this route')
    expect(vpns[0]?.cure).toContain('no role has this route')
  })
})

describe('a restart that was broken off', () => {
  const begun = noteOf({ nodes: [down('a')] })
  const stopped = down('a', 'VpnStopped', 1)

  it('has its start sent at once, whatever the spec says by now', () => {
    const vpn = { restartVpnAfterMs: 'never' } as const
    const { cure, said } = plan({ nodes: [stopped], notes: { a: begun }, vpn })
    expect(said).toBe('restartVpn a vpn')
    expect(cure).toMatchObject({ isResumed: true })
    const cordoned = { ...stopped, cordon: true }
    expect(plan({ nodes: [cordoned], notes: { a: begun }, vpn }).cure).toBeDefined()
  })

  it('has it repeated after a pause only, and not while it is under way, over or of another generation', () => {
    const again = plan({ nodes: [stopped], notes: { a: begun } }).cure?.note ?? begun
    const waiting = plan({ nodes: [stopped], notes: { a: again } })
    expect(waiting).toMatchObject({ cure: undefined, wakeAt: NOW + 15_000 })
    expect(plan({ nodes: [stopped], notes: { a: begun }, curing: 'a' }).cure).toBeUndefined()
    expect(plan({ nodes: [stopped], notes: { a: done(begun) } }).cure).toBeUndefined()
    const other: NodeSketch = { ...stopped, generation: 'a@2' as never }
    expect(plan({ nodes: [other], notes: { a: begun } }).cure).toBeUndefined()
  })
})

describe('a port that stays 0', () => {
  const held = (name: string): EngineSketch => ({ slot: 'forwarded', on: name })

  it('is cured where a forwarded engine has no other place, and not for a spare', () => {
    expect(plan({ nodes: [up('a'), up('b')] }).said).toBe('restartVpn a port')
    const served = { nodes: [up('a', 45_000), up('b')], engines: [held('a')] }
    expect(plan(served)).toMatchObject({ cure: undefined, stuck: [] })
    expect(plan({ ...served, prefer: 'b' }).said).toBe('restartVpn b port')
    expect(plan({ nodes: [up('a'), up('b')], scope: 'none' }).cure).toBeUndefined()
    expect(
      plan({ nodes: [{ ...up('a'), cordon: true }, down('b', 'ContainerMissing')] }).cure,
    ).toBe(undefined)
  })

  it('is waited for as long as a node that is down, from when the tunnel stands', () => {
    expect(plan({ nodes: [up('a', 0, MINUTE_MS - 1)] }).cure).toBeUndefined()
    expect(plan({ nodes: [up('a', 0, MINUTE_MS)] }).said).toBe('restartVpn a port')
  })

  it('is left alone while streams run there, and anywhere while no other VPN works', () => {
    const engines = [{ slot: '0', on: 'b', streams: 1, lastBytesAt: NOW - MINUTE_MS }]
    expect(plan({ nodes: [up('a'), up('b')], engines }).said).toBe('restartVpn a port')
    expect(plan({ nodes: [up('b'), down('a', 'ContainerMissing')], engines }).cure).toBeUndefined()
    const elsewhere = { nodes: [up('a'), down('b', 'VpnCrashed', 1)], engines }
    expect(plan(elsewhere).stuck[0]?.message).toContain('no other VPN works')
    expect(plan({ ...elsewhere, engines: [{ slot: '0', on: 'b' }] }).said).toBe('restartVpn a port')
  })

  it('is given up after five tries on a node that never had one, and never on one that had', () => {
    let note = done(noteOf({ nodes: [up('a')] }))
    for (let tries = 1; tries < 5; tries++) {
      const { port } = note.cures
      note = port ? { ...note, cures: { port: { ...port, notBefore: NOW } } } : note
      note = done(noteOf({ nodes: [up('a')], notes: { a: note } }))
    }
    const { port } = note.cures
    const due: NodeNote = port ? { ...note, cures: { port: { ...port, notBefore: NOW } } } : note
    const { cure, stuck } = plan({ nodes: [up('a')], notes: { a: due } })
    expect([cure, stuck[0]?.reason]).toEqual([undefined, 'GivenUp'])
    const had = { a: { ...due, hadPort: true } }
    expect(plan({ nodes: [up('a')], notes: had }).said).toBe('restartVpn a port')
  })

  it('is remembered to have been there', () => {
    const note = { hadPort: true, cures: {} }
    expect(plan({ nodes: [up('a', 45_000)] }).bookkeeping).toContainEqual({
      ...{ kind: 'setNodeNote', node: 'a', note },
    })
    expect(plan({ nodes: [up('a', 45_000)], notes: { a: note } }).bookkeeping).toEqual([])
  })
})

it('what is remembered of a node that left the spec is forgotten', () => {
  const notes = { gone: { hadPort: true, cures: {} } }
  const forget = { kind: 'setNodeNote', node: 'gone', note: undefined }
  expect(plan({ nodes: [up('a')], notes, scope: 'none' }).bookkeeping).toContainEqual(forget)
})
