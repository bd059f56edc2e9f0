import { describe, expect, it } from 'vitest'
import type { ContainerId, ContainerSummary } from '../docker/port.ts'
import { unprobed } from '../engine/health.ts'
import { connectedElsewhereAt, wordsOf, wordsSaid } from './engine-words.ts'
import type { EngineHealth, Generation } from './observation.ts'

const NOW = 1_000_000
const id = (name: string) => name as ContainerId
const generation = 'a@1' as Generation

const row = (name: string, more: Partial<ContainerSummary> = {}): ContainerSummary => ({
  ...{ id: id(name), name, state: 'running', networkMode: 'container:a', image: 'i' },
  ...{ createdAt: 0, labels: { 'acefleet.vpn-generation': 'a@1' } },
  ...more,
})

function said(rows: readonly ContainerSummary[], words: Readonly<Record<string, boolean>>) {
  const health = (of: ContainerId): EngineHealth => {
    const connected = words[of]
    const network = connected === undefined ? undefined : { connected, since: NOW - 9, at: NOW }
    return { ...unprobed(NOW - 1_000), network }
  }
  return wordsSaid(rows, { health })
}

describe('the engines of a node', () => {
  it('are those that run in its network, made for this run of it', () => {
    const rows = [
      row('0'),
      row('older', { labels: { 'acefleet.vpn-generation': 'a@0' } }),
      row('unlabelled', { labels: {} }),
      row('gone', { state: 'exited' }),
      row('other', { networkMode: 'container:b' }),
      row('none', { networkMode: 'bridge' }),
      row('silent'),
    ]
    const all = Object.fromEntries(rows.map(({ name }) => [name, name !== 'silent']))
    const { silent: _, ...words } = all
    const heard = wordsOf(said(rows, words), id('a'), generation)
    expect(heard).toMatchObject([
      { connected: true, since: NOW - 9, at: NOW, readyAt: NOW - 1_000 },
    ])
    expect(wordsOf(said(rows, words), undefined, undefined)).toEqual([])
  })

  it('are compared with those behind another tunnel alone', () => {
    const rows = [row('0'), row('1', { networkMode: 'container:b' })]
    expect(connectedElsewhereAt(said(rows, { 0: true, 1: true }), id('a'))).toBe(NOW)
    expect(connectedElsewhereAt(said(rows, { 0: true, 1: false }), id('a'))).toBeUndefined()
    expect(connectedElsewhereAt(said(rows, { 0: true }), id('a'))).toBeUndefined()
  })
})
