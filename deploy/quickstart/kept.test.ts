import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launch } from './child.ts'
import { keep } from './kept.ts'

const program = [process.execPath, '-e', 'console.log("here"); setInterval(() => {}, 1000)']

test('what was killed is started again, and what was told to stop is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-kept-'))
  const start = () => launch(program, join(folder, 'log'))
  const ends: unknown[] = []
  const { promise: isBack, resolve } = Promise.withResolvers<void>()
  const onAgain = () => resolve()
  const first = start()
  const kept = keep({
    ...{ first, startAgain: start, pauseMs: 1, onAgain },
    onEnd: (child, { signal }) => ends.push([child.pid, signal]),
  })
  process.kill(first.pid, 'SIGKILL')
  await isBack
  expect(kept.pid()).not.toBe(first.pid)
  expect(kept.isAlive()).toBe(true)
  await kept.stop()
  expect(kept.isAlive()).toBe(false)
  expect(ends).toEqual([[first.pid, 'SIGKILL']])
  rmSync(folder, { recursive: true, force: true })
})

test('a frozen process ends too, when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-kept-'))
  const child = launch(program, join(folder, 'log'))
  process.kill(child.pid, 'SIGSTOP')
  await child.stop()
  expect(child.hasEnded()).toBe(true)
  rmSync(folder, { recursive: true, force: true })
})

test('a program that is not there has ended at once, with a code', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-kept-'))
  const child = launch(['/nowhere/redis-server'], join(folder, 'log'))
  expect((await child.ended).code).not.toBe(0)
  rmSync(folder, { recursive: true, force: true })
})
