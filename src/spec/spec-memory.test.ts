import { describe, expect, it } from 'vitest'
import type { AcceptedSpec } from '../store/store.ts'
import { makeSpecMemory } from './spec-memory.ts'

function spec(generation: number, hash = `h${generation}`): AcceptedSpec {
  return { fleet: 'home', generation, hash, document: {}, source: 'home.yaml', acceptedAt: 1 }
}

const holding = (...specs: readonly AcceptedSpec[]) => new Map(specs.map((s) => [s.fleet, s]))
const nobody = new Set<string>()

function remembering(generation: number, dying: ReadonlySet<string> = nobody) {
  const memory = makeSpecMemory()
  memory.keep(holding(spec(generation)), 'first', dying)
  return memory
}

describe('a store that forgot', () => {
  it('is told again what ruled, under its own number', () => {
    expect(remembering(7).forgotten(holding(), 'second')).toEqual([
      { spec: spec(7), isDying: false },
    ])
  })

  it('is told again what it lost of the latest writes', () => {
    expect(remembering(7).forgotten(holding(spec(6)), 'second')).toEqual([
      { spec: spec(7), isDying: false },
    ])
  })

  it('is told again, on top, where a newcomer was faster with another file', () => {
    const [forgotten] = remembering(7).forgotten(holding(spec(1, 'newcomer')), 'second')
    expect(forgotten?.spec).toMatchObject({ generation: 2, hash: 'h7' })
  })

  it('is told also that the deletion was asked for', () => {
    const memory = remembering(7, new Set(['home']))
    expect(memory.forgotten(holding(), 'second')).toMatchObject([{ isDying: true }])
  })

  it('is told once: from then on what it says counts', () => {
    const memory = remembering(7)
    memory.keep(holding(spec(7)), 'second', nobody)
    expect(memory.forgotten(holding(), 'second')).toEqual([])
    expect(memory.forgotten(holding(spec(3, 'other')), 'second')).toEqual([])
  })
})

describe('a store that remembers', () => {
  it('is right when a fleet is gone: it was deleted', () => {
    expect(remembering(7).forgotten(holding(), 'first')).toEqual([])
  })

  it('is right about what is later than anything that ruled here, also after a restart', () => {
    expect(remembering(7).forgotten(holding(spec(8)), 'second')).toEqual([])
    expect(remembering(7).forgotten(holding(spec(7)), 'second')).toEqual([])
  })

  it('does not get back what was deleted before it forgot', () => {
    const memory = remembering(7)
    memory.keep(holding(), 'first', nobody)
    expect(memory.forgotten(holding(), 'second')).toEqual([])
  })
})
