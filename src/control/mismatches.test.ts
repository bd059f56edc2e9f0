import { expect, it } from 'vitest'
import type { Glance, Replica } from '../store/store.ts'
import { makeMismatches } from './mismatches.ts'

const [RULES, OTHER] = ['11111111aaaa', '22222222bbbb']

function bench() {
  const world = { now: 0, ruling: new Map([['home', RULES]]) }
  const changes: number[] = []
  const mismatches = makeMismatches({
    clock: { monotonic: () => world.now },
    ruling: () => world.ruling,
    onChange: () => changes.push(world.now),
  })
  const replica = (holder: string, hash: string): Replica & { agoMs: number } => ({
    ...{ holder, startedAt: 0, leads: {}, dockerAgoMs: null, lease: null, agoMs: 0 },
    declares: { home: { hash, source: 'specs/home.yaml:1' } },
  })
  const glances = (replicas: Glance['replicas'], seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      world.now += 1_000
      mismatches.look({ replicas })
    }
  }
  return { world, changes, mismatches, replica, glances }
}

it('names the hashes, the replica and its file, and what to do, when files have differed for a while', () => {
  const { mismatches, replica, glances, changes } = bench()
  glances([replica('a:1', RULES), replica('b:2', OTHER)], 5)
  expect(mismatches.conditions('home')).toEqual([])
  glances([replica('a:1', RULES), replica('b:2', OTHER)], 3)
  const [condition] = mismatches.conditions('home')
  expect(condition).toMatchObject({ type: 'SpecMismatch', status: 'True' })
  expect(condition?.message).toMatch(
    /^11111111 rules, but it is 22222222 in specs\/home\.yaml:1 of replica b:2: .*save one once more/,
  )
  expect(changes).toHaveLength(1)
  expect(mismatches.conditions('other')).toEqual([])
})

it('is over as soon as the files say the same, or the replica is gone', () => {
  for (const after of [[RULES, RULES], [RULES]]) {
    const { mismatches, replica, glances, changes } = bench()
    glances([replica('a:1', RULES), replica('b:2', OTHER)], 7)
    expect(mismatches.conditions('home')).toHaveLength(1)
    glances(
      after.map((hash, index) => replica(`${index}:1`, hash)),
      1,
    )
    expect(mismatches.conditions('home')).toEqual([])
    expect(changes).toHaveLength(2)
  }
})

it('lets replicas see an edit of a shared folder in their own time', () => {
  const { world, mismatches, replica, glances } = bench()
  glances([replica('a:1', RULES), replica('b:2', RULES)], 60)
  world.ruling = new Map([['home', OTHER]])
  glances([replica('a:1', OTHER), replica('b:2', RULES)], 4)
  expect(mismatches.conditions('home')).toEqual([])
  glances([replica('a:1', OTHER), replica('b:2', OTHER)], 10)
  expect(mismatches.conditions('home')).toEqual([])
})

it('says nothing of fleets that rule nowhere here, and names no more replicas than can be read', () => {
  const { world, mismatches, replica, glances } = bench()
  const many = Array.from({ length: 9 }, (_, index) => replica(`${index}:1`, OTHER))
  glances(many, 7)
  expect(mismatches.conditions('home')[0]?.message).toContain('replica 4:1 and 4 more')
  world.ruling = new Map()
  glances(many, 1)
  expect(mismatches.conditions('home')).toEqual([])
})
