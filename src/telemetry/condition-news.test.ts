import { expect, test } from 'vitest'
import { makeConditionNews } from './condition-news.ts'
import type { Condition } from './status.ts'

const conflict: Condition = {
  type: 'NameConflict',
  status: 'True',
  reason: 'ForeignContainer',
  message: 'container home.0 is not ours',
  since: 1_000,
}

function makeBench() {
  const lines: string[] = []
  const write = (level: string) => (_: object, message: string) => {
    lines.push(`${level} ${message}`)
  }
  const log = { info: write('info'), warn: write('warn') } as Parameters<
    typeof makeConditionNews
  >[0]
  return { news: makeConditionNews(log, 'home'), lines }
}

test('a condition is told once it has lasted, and its end', () => {
  const { news, lines } = makeBench()
  expect(news.tell([conflict], 1_000, 1)).toBe(6_000)
  expect(lines).toEqual([])
  expect(news.tell([conflict], 6_000, 1)).toBeUndefined()
  news.tell([conflict], 60_000, 1)
  expect(lines).toEqual(['warn NameConflict: container home.0 is not ours'])
  news.tell([], 61_000, 1)
  expect(lines[1]).toBe('info no longer NameConflict')
})

test('one that passes is not told, nor is what every change brings', () => {
  const { news, lines } = makeBench()
  news.tell([conflict, { ...conflict, type: 'Reconciling' }], 1_000, 1)
  expect(news.tell([{ ...conflict, type: 'Reconciling' }], 9_000, 1)).toBeUndefined()
  expect(lines).toEqual([])
})
