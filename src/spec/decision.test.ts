import { describe, expect, it } from 'vitest'
import type { AcceptedSpec } from '../store/store.ts'
import { decideSpecs, type SpecDecision } from './decision.ts'
import { checkSpecs } from './load.ts'

interface Parts {
  readonly replicas?: number | string
  readonly node?: string
  readonly ports?: string
}

function text(
  name: string,
  { replicas = 1, node = `vpn-${name}`, ports = '20000-20099' }: Parts = {},
) {
  return `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  vpn: {mode: single, nodes: [{name: ${node}, ports: ${ports}}]}
`
}

function load(files: Readonly<Record<string, string>>) {
  return checkSpecs(Object.entries(files).map(([file, each]) => ({ file, text: each })))
}

/** As it was accepted some time ago. */
function accepted(
  name: string,
  generation: number,
  parts: Parts = {},
  source = `${name}.yaml`,
): AcceptedSpec {
  const [loaded] = load({ [source]: text(name, parts) }).fleets
  if (loaded === undefined) throw new Error('the spec of this test is wrong')
  const { hash, document } = loaded
  return { fleet: name, generation, hash, document, source, acceptedAt: 1 }
}

interface World {
  readonly kept?: readonly AcceptedSpec[]
  readonly generations?: Readonly<Record<string, readonly number[]>>
  readonly edited?: readonly string[]
  /** Fleets on whose file this process has decided already. */
  readonly decided?: readonly string[]
  /** What files of other replicas declare. */
  readonly elsewhere?: readonly AcceptedSpec[]
}

function decide(
  files: Readonly<Record<string, string>>,
  { kept = [], generations = {}, edited = [], decided = [], elsewhere = [] }: World = {},
) {
  const snapshot = load(files)
  const hashes = snapshot.fleets.map(({ fleet, hash }): [string, string] => [fleet.name, hash])
  return decideSpecs({
    snapshot,
    accepted: new Map(kept.map((spec) => [spec.fleet, spec])),
    generations: new Map(Object.entries(generations)),
    edits: new Map(hashes.filter(([name]) => edited.includes(name))),
    isFresh: ({ fleet }) => !decided.includes(fleet.name),
    elsewhere: new Map(elsewhere.map(({ fleet, hash }) => [fleet, new Set([hash])])),
    now: 5,
  })
}

/** Name, generation, replicas and conditions of what runs. */
function running({ fleets }: SpecDecision) {
  return fleets.map(({ fleet, generation, conditions }) => [
    fleet.name,
    generation,
    fleet.replicas,
    ...conditions.map(({ type, reason }) => `${type}/${reason}`),
  ])
}

describe('a sound file', () => {
  it('is the first generation of a new fleet', () => {
    const decision = decide({ 'a.yaml': text('a') })
    expect(running(decision)).toEqual([['a', 1, 1]])
    expect(decision.accept).toMatchObject([
      { fleet: 'a', generation: 1, source: 'a.yaml', acceptedAt: 5 },
    ])
    expect(decision.fleets[0]?.declaredIn).toBe('a.yaml:1')
  })

  it('that says what runs changes nothing, however it is spelt', () => {
    const other = text('a').replace('replicas: 1', 'replicas: 1 # one\n  update: {maxSurge: 1}')
    const decision = decide({ 'b.yaml': other }, { kept: [accepted('a', 3)] })
    expect(running(decision)).toEqual([['a', 3, 1]])
    expect(decision.accept).toEqual([])
  })

  it('that says something new is the next generation, edited or found at a restart', () => {
    const decision = decide({ 'a.yaml': text('a', { replicas: 2 }) }, { kept: [accepted('a', 3)] })
    expect(running(decision)).toEqual([['a', 4, 2]])
    expect(decision.accept).toHaveLength(1)
  })

  it('that is an earlier generation wins by a watched edit only, never by a restart', () => {
    const world = { kept: [accepted('a', 3)], generations: { a: [2] } }
    const files = { 'a.yaml': text('a', { replicas: 2 }) }
    const restarted = decide(files, world)
    expect(running(restarted)).toEqual([['a', 3, 1, 'SpecInvalid/EarlierGeneration']])
    expect(restarted.accept).toEqual([])
    expect(restarted.fleets[0]?.conditions[0]?.message).toContain(
      'as it was in generation 2: save the file once more',
    )
    expect(running(decide(files, { ...world, edited: ['a'] }))).toEqual([['a', 4, 2]])
  })
})

describe('a bad edit', () => {
  it('never replaces what runs, and says where it is wrong', () => {
    const decision = decide(
      { 'a.yaml': text('a', { replicas: 'x' }) },
      { kept: [accepted('a', 3)] },
    )
    expect(running(decision)).toEqual([['a', 3, 1, 'SpecInvalid/Refused']])
    expect(decision.fleets[0]?.conditions[0]?.message).toBe(
      'the fleet goes on with generation 3: a.yaml:5:13: spec.replicas: is "x": it must be a whole number from 0 to 10000',
    )
    expect(decision.accept).toEqual([])
  })

  it('runs nothing where nothing ran', () => {
    expect(decide({ 'a.yaml': text('a', { replicas: 'x' }) }).fleets).toEqual([])
  })

  it.each([
    ['no YAML', 'metadata: [\n'],
    ['empty', ''],
    ['without a name', text('a').replace('name: a', 'nmae: a')],
  ])('%s is told of at the fleets that came from the file', (_, broken) => {
    const decision = decide({ 'a.yaml': broken }, { kept: [accepted('a', 3)] })
    expect(running(decision)).toEqual([['a', 3, 1, 'SpecInvalid/Refused']])
    expect(decision.fleets[0]?.conditions[0]?.message).toContain('a.yaml:')
  })

  it('leaves the other fleets of the file alone, also their own edits', () => {
    const files = {
      'ab.yaml': `${text('a', { replicas: 'x' })}---\n${text('b', { replicas: 2, ports: '21000-21099' })}`,
    }
    const kept = [accepted('a', 3), accepted('b', 7, { ports: '21000-21099' })]
    expect(running(decide(files, { kept }))).toEqual([
      ['a', 3, 1, 'SpecInvalid/Refused'],
      ['b', 8, 2],
    ])
  })

  it('shows the first few of many problems', () => {
    const nodes = Array.from({ length: 9 }, () => '{name: 1, ports: 1}').join(', ')
    const broken = text('a').replace(/nodes: .*/, `nodes: [${nodes}]}`)
    const message = decide({ 'a.yaml': broken }, { kept: [accepted('a', 3)] }).fleets[0]
      ?.conditions[0]?.message
    expect(message).toMatch(/and 1[0-9] more, see acefleet validate$/)
  })
})

describe('a file that disappears', () => {
  it('leaves its fleet running, orphaned', () => {
    const decision = decide({}, { kept: [accepted('a', 3)] })
    expect(running(decision)).toEqual([['a', 3, 1, 'Orphaned/NotDeclared']])
    expect(decision.fleets[0]).toMatchObject({ declaredIn: undefined, source: 'a.yaml' })
    expect(decision.fleets[0]?.conditions[0]?.message).toContain('acefleet delete a')
  })

  it('is no matter of other broken files', () => {
    const decision = decide({ 'b.yaml': 'x: [\n' }, { kept: [accepted('a', 3)] })
    expect(running(decision)).toEqual([['a', 3, 1, 'Orphaned/NotDeclared']])
  })
})

describe('fleets that want the same', () => {
  it('both go on as they were', () => {
    const files = {
      'a.yaml': text('a', { node: 'same' }),
      'b.yaml': text('b', { node: 'same', ports: '21000-21099' }),
    }
    const kept = [accepted('a', 3), accepted('b', 4, { ports: '21000-21099' })]
    expect(running(decide(files, { kept }))).toEqual([
      ['a', 3, 1, 'SpecInvalid/Refused'],
      ['b', 4, 1, 'SpecInvalid/Refused'],
    ])
  })

  it('are not taken on beside one that goes on without a file', () => {
    const decision = decide(
      { 'b.yaml': text('b', { node: 'vpn-a', ports: '21000-21099' }) },
      { kept: [accepted('a', 3)] },
    )
    expect(running(decision)).toEqual([['a', 3, 1, 'Orphaned/NotDeclared']])
    expect(decision.problems[0]).toMatchObject({
      file: 'b.yaml',
      line: 6,
      fleet: 'b',
      path: 'spec.vpn.nodes[0].name',
    })
    expect(decision.problems[0]?.message).toContain(
      'generation 3 of fleet a, which goes on names too',
    )
  })

  it('may swap their nodes in one edit', () => {
    const files = {
      'a.yaml': text('a', { node: 'vpn-b' }),
      'b.yaml': text('b', { node: 'vpn-a', ports: '21000-21099' }),
    }
    const kept = [accepted('a', 3), accepted('b', 4, { ports: '21000-21099' })]
    expect(running(decide(files, { kept }))).toEqual([
      ['a', 4, 1],
      ['b', 5, 1],
    ])
  })

  it('are refused one after the other when each would need what the next one keeps', () => {
    // c is broken and goes on with vpn-c; b wants vpn-c and so goes on with vpn-b; a wants vpn-b.
    const files = {
      'a.yaml': text('a', { node: 'vpn-b' }),
      'b.yaml': text('b', { node: 'vpn-c', ports: '21000-21099' }),
      'c.yaml': 'metadata: [\n',
    }
    const kept = [
      accepted('a', 3),
      accepted('b', 4, { ports: '21000-21099' }),
      accepted('c', 5, { ports: '22000-22099' }),
    ]
    expect(running(decide(files, { kept }))).toEqual([
      ['a', 3, 1, 'SpecInvalid/Clash'],
      ['b', 4, 1, 'SpecInvalid/Clash'],
      ['c', 5, 1, 'SpecInvalid/Refused'],
    ])
  })
})

describe('a generation that this version can not read', () => {
  const strange: AcceptedSpec = {
    fleet: 'a',
    generation: 3,
    hash: 'h',
    source: 'a.yaml',
    acceptedAt: 1,
    document: { apiVersion: 'acefleet/v9' },
  }

  it('is a condition, and no fleet to change', () => {
    const decision = decide({}, { kept: [strange] })
    expect(decision.fleets).toEqual([])
    expect(decision.unreadable).toMatchObject([{ name: 'a', generation: 3 }])
    expect(decision.unreadable[0]?.conditions.map(({ reason }) => reason)).toEqual([
      'UnreadableGeneration',
      'NotDeclared',
    ])
  })

  it.each([null, 7, 'x', [], {}, { spec: null }])('%j crashes nothing', (document) => {
    expect(decide({}, { kept: [{ ...strange, document }] }).unreadable).toHaveLength(1)
  })

  it('is followed by a sound file', () => {
    expect(running(decide({ 'a.yaml': text('a') }, { kept: [strange] }))).toEqual([['a', 4, 1]])
  })
})

describe('a file that other replicas do not have', () => {
  const kept = accepted('a', 3, { replicas: 3 })
  const differs = { 'a.yaml': text('a', { replicas: 5 }) }

  it('does not rule by being there, while others declare what rules', () => {
    const decision = decide(differs, { kept: [kept], elsewhere: [kept] })
    expect(running(decision)).toEqual([['a', 3, 3]])
    expect(decision.outvoted).toMatchObject([{ candidate: { source: 'a.yaml' }, kept }])
    expect(decision.accept).toEqual([])
  })

  it('rules when it is edited', () => {
    const decision = decide(differs, { kept: [kept], elsewhere: [kept], edited: ['a'] })
    expect(running(decision)).toEqual([['a', 4, 5]])
    expect(decision.outvoted).toEqual([])
  })

  it('rules when no other replica declares what rules: so one edits while acefleet is down', () => {
    const other = accepted('a', 9, { replicas: 9 })
    expect(running(decide(differs, { kept: [kept], elsewhere: [other] }))).toEqual([['a', 4, 5]])
    expect(running(decide(differs, { kept: [kept] }))).toEqual([['a', 4, 5]])
  })

  it('is the first generation of a fleet that nobody knows', () => {
    const decision = decide(differs, { elsewhere: [kept] })
    expect(running(decision)).toEqual([['a', 1, 5]])
  })

  it('does not rule later on, once it was decided on: a failover rolls nothing back or forward', () => {
    const decision = decide(differs, { kept: [kept], decided: ['a'] })
    expect(running(decision)).toEqual([['a', 3, 3]])
    expect(decision.outvoted).toEqual([])
  })
})
