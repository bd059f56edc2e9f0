import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type SpecSnapshot, watchSpecs } from '../../src/spec/source.ts'
import { systemClock } from '../../src/time/clock.ts'

vi.setConfig({ testTimeout: 60_000 })

function fleet(name: string, replicas: number, ports = '20000-20099'): string {
  return `apiVersion: acefleet/v1
kind: EngineFleet
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  network: {ports: ${ports}}
  vpn: {mode: none}
`
}

let folder = ''
let stop = new AbortController()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'acefleet-specs-'))
  stop = new AbortController()
})
afterEach(() => {
  stop.abort()
  rmSync(folder, { recursive: true, force: true })
})

const path = (name: string) => join(folder, name)

/** Written long ago, as files mostly are when a process starts. */
function place(name: string, text: string): void {
  writeFileSync(path(name), text)
  utimesSync(path(name), 1_000_000, 1_000_000)
}

function watching(...paths: string[]) {
  const source = watchSpecs(paths, { clock: systemClock, signal: stop.signal, pollMs: 200 })
  const seen: SpecSnapshot[] = []
  const next = async () => {
    const { value } = await source.next()
    if (value === undefined) throw new Error('the watch has ended')
    seen.push(value)
    return value
  }
  return {
    seen,
    next,
    until: async (isRight: (snapshot: SpecSnapshot) => boolean) => {
      for (;;) {
        const snapshot = await next()
        if (isRight(snapshot)) return snapshot
      }
    },
  }
}

const shown = ({ fleets }: SpecSnapshot) =>
  fleets.map((each) => `${each.fleet.name}×${each.fleet.replicas}`)
const shows =
  (...fleets: string[]) =>
  (snapshot: SpecSnapshot) =>
    shown(snapshot).join() === fleets.join()

describe('the first look', () => {
  it('is no edit, whatever is there', async () => {
    place('a.yaml', fleet('a', 1))
    place('b.yml', fleet('b', 2, '21000-21099'))
    place('c.txt', 'no spec')
    place('.d.yaml', 'an editor’s')
    const snapshot = await watching(folder).next()
    expect(snapshot).toMatchObject({ edited: false, editedFiles: [], problems: [] })
    expect(shown(snapshot)).toEqual(['a×1', 'b×2'])
    expect(snapshot.fleets[0]?.source).toBe(path('a.yaml'))
  })

  it('waits for a file that is just being written', async () => {
    const text = fleet('a', 1)
    writeFileSync(path('a.yaml'), text.slice(0, 40))
    const watch = watching(folder)
    const first = watch.next()
    await sleep(100)
    writeFileSync(path('a.yaml'), text)
    expect(shown(await first)).toEqual(['a×1'])
    expect(watch.seen[0]?.edited).toBe(false)
  })

  it('tells of a missing path and an empty folder, and watches on', async () => {
    mkdirSync(path('empty'))
    const watch = watching(path('empty'), path('missing.yaml'))
    const { problems } = await watch.next()
    expect(problems.map(({ kind, file }) => [kind, file])).toEqual([
      ['missing', path('empty')],
      ['missing', path('missing.yaml')],
    ])
    writeFileSync(path('missing.yaml'), fleet('a', 1))
    const later = await watch.until(shows('a×1'))
    // What was not there to read before is read for the first time.
    expect(later.edited).toBe(false)
    writeFileSync(path('missing.yaml'), fleet('a', 2))
    expect((await watch.until(shows('a×2'))).editedFiles).toEqual([path('missing.yaml')])
  })

  it('of a folder that is mounted late is no edit either', async () => {
    const watch = watching(path('late'))
    await watch.next()
    mkdirSync(path('other'))
    writeFileSync(path('other/a.yaml'), fleet('a', 1))
    renameSync(path('other'), path('late'))
    expect((await watch.until(shows('a×1'))).edited).toBe(false)
  })

  it('is not held up by a pipe with a spec’s name', async () => {
    place('a.yaml', fleet('a', 1))
    execFileSync('/usr/bin/env', ['mkfifo', path('b.yaml')])
    const snapshot = await watching(folder).next()
    expect(shown(snapshot)).toEqual(['a×1'])
    expect(snapshot.problems[0]?.message).toContain('is no regular file')
  })
})

describe('an edit', () => {
  it('in place is seen, and only its file is called edited', async () => {
    place('a.yaml', fleet('a', 1))
    place('b.yaml', fleet('b', 1, '21000-21099'))
    const watch = watching(folder)
    await watch.next()
    writeFileSync(path('a.yaml'), fleet('a', 2))
    const snapshot = await watch.until(shows('a×2', 'b×1'))
    expect(snapshot).toMatchObject({ edited: true, editedFiles: [path('a.yaml')] })
  })

  it('by an editor that replaces the file never shows the fleet gone', async () => {
    place('a.yaml', fleet('a', 1))
    const watch = watching(folder)
    await watch.next()
    // As vim does: the old file becomes the backup, a new one takes its name.
    for (const replicas of [2, 3]) {
      renameSync(path('a.yaml'), path('a.yaml~'))
      await sleep(30)
      writeFileSync(path('a.yaml'), fleet('a', replicas))
      await watch.until(shows(`a×${replicas}`))
    }
    // As most others do: a new file is renamed over the old one.
    writeFileSync(path('.a.yaml.tmp'), fleet('a', 4))
    renameSync(path('.a.yaml.tmp'), path('a.yaml'))
    await watch.until(shows('a×4'))
    expect(watch.seen.map(shown).filter((each) => each.length === 0)).toEqual([])
    expect(watch.seen.flatMap(({ problems }) => problems)).toEqual([])
  })

  it('that is written slowly counts when it is whole, and not before', async () => {
    const two = (replicas: number) =>
      `${fleet('a', replicas)}---\n${fleet('b', replicas, '21000-21099')}`
    place('a.yaml', two(1))
    const watch = watching(folder)
    await watch.next()
    const text = two(2)
    truncateSync(path('a.yaml'))
    const file = openSync(path('a.yaml'), 'w')
    for (let at = 0; at < text.length; at += 60) {
      await sleep(200)
      writeSync(file, text.slice(at, at + 60))
    }
    closeSync(file)
    await watch.until(shows('a×2', 'b×2'))
    expect(watch.seen.map(shown)).toEqual([
      ['a×1', 'b×1'],
      ['a×2', 'b×2'],
    ])
  })

  it('that breaks the file shows the problem and no fleet', async () => {
    place('a.yaml', fleet('a', 1))
    const watch = watching(folder)
    await watch.next()
    writeFileSync(path('a.yaml'), fleet('a', -1))
    const snapshot = await watch.next()
    expect(snapshot.fleets).toEqual([])
    expect(snapshot.problems).toMatchObject([{ file: path('a.yaml'), line: 6, fleet: 'a' }])
  })

  it('behind a link, where the folder tells of nothing, is found by looking', async () => {
    mkdirSync(path('one'))
    mkdirSync(path('two'))
    place('one/a.yaml', fleet('a', 1))
    place('two/a.yaml', fleet('a', 2))
    mkdirSync(path('mounted'))
    // As Kubernetes mounts a ConfigMap.
    symlinkSync('../one', path('mounted/..data'))
    symlinkSync('..data/a.yaml', path('mounted/a.yaml'))
    const watch = watching(path('mounted'))
    expect(shown(await watch.next())).toEqual(['a×1'])
    symlinkSync('../two', path('mounted/..next'))
    renameSync(path('mounted/..next'), path('mounted/..data'))
    expect((await watch.until(shows('a×2'))).edited).toBe(true)
  })

  it('in a folder that was replaced as a whole is seen', async () => {
    mkdirSync(path('specs'))
    place('specs/a.yaml', fleet('a', 1))
    const watch = watching(path('specs'))
    await watch.next()
    mkdirSync(path('new'))
    place('new/a.yaml', fleet('a', 2))
    renameSync(path('specs'), path('old'))
    renameSync(path('new'), path('specs'))
    await watch.until(shows('a×2'))
    writeFileSync(path('specs/a.yaml'), fleet('a', 3))
    await watch.until(shows('a×3'))
    expect(watch.seen.map(shown).filter((each) => each.length === 0)).toEqual([])
  })
})

describe('a file that vanishes', () => {
  it('is told of as no fleet, not as an empty one, and may come back', async () => {
    place('a.yaml', fleet('a', 1))
    place('b.yaml', fleet('b', 1, '21000-21099'))
    const watch = watching(folder)
    await watch.next()
    rmSync(path('a.yaml'))
    const snapshot = await watch.until(shows('b×1'))
    expect(snapshot).toMatchObject({ problems: [], editedFiles: [path('a.yaml')] })
    writeFileSync(path('a.yaml'), fleet('a', 1))
    expect((await watch.until(shows('a×1', 'b×1'))).editedFiles).toEqual([path('a.yaml')])
  })
})

it('ends when its signal is aborted, also while it waits', async () => {
  place('a.yaml', fleet('a', 1))
  const source = watchSpecs([folder], { clock: systemClock, signal: stop.signal })
  await source.next()
  const waiting = source.next()
  stop.abort()
  expect(await waiting).toEqual({ done: true, value: undefined })
})
