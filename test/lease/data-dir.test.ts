import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type DataDirLock, holdDataDir } from '../../src/lease/data-dir.ts'
import { LeaseLost } from '../../src/lease/lease.ts'
import { DataDirHeld, StoreUnavailable } from '../../src/store/errors.ts'
import { script, startChild } from '../store/child.ts'

/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 120_000

const ME = { host: 'here', pid: 42, since: 1_780_000_000_000, command: 'acefleet run --spec specs' }

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'acefleet-lock-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const child = () => startChild(script('hold.ts', dir))

/** Which error taking the directory meets; undefined when it is taken, and then it is let go at once. */
function refusal(): unknown {
  try {
    holdDataDir(dir, ME)[Symbol.dispose]()
    return undefined
  } catch (error) {
    return error
  }
}

function expectLost(lock: DataDirLock): void {
  expect(() => lock.assertHeld()).toThrow(LeaseLost)
  expect(lock.lost.aborted).toBe(true)
}

it(
  'refuses a second process and names the holder (I7)',
  async () => {
    await using holder = child()
    expect(await holder.next()).toEqual({ held: true })
    const error = refusal()
    expect(error).toBeInstanceOf(DataDirHeld)
    expect(String(error)).toContain(`pid ${holder.pid} on `)
    expect(String(error)).toContain('since 2026-05-28T20:26:40.000Z (child hold)')
    expect(String(error)).toContain('--data DIR')
  },
  PATIENCE_MS,
)

it(
  'is free again when the holder is killed; the name that it left behind is harmless',
  async () => {
    await using holder = child()
    await holder.next()
    await holder.kill()
    expect(JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8'))).toMatchObject({
      pid: holder.pid,
    })
    using lock = holdDataDir(dir, ME)
    lock.assertHeld()
    expect(JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8'))).toEqual(ME)
  },
  PATIENCE_MS,
)

it(
  'does not lapse while the holder is stopped (I7)',
  async () => {
    await using holder = child()
    await holder.next()
    holder.signal('SIGSTOP')
    expect(refusal()).toBeInstanceOf(DataDirHeld)
    holder.signal('SIGCONT')
  },
  PATIENCE_MS,
)

it(
  'is kept when this process tries again, and let go only once',
  async () => {
    const lock = holdDataDir(dir, ME)
    expect(refusal()).toBeInstanceOf(DataDirHeld)
    expect(refusal()).toBeInstanceOf(DataDirHeld)
    lock.assertHeld()
    {
      await using other = child()
      expect(await other.next()).toMatchObject({ held: false, name: 'DataDirHeld' })
    }
    lock[Symbol.dispose]()
    expectLost(lock)
    await using next = child()
    expect(await next.next()).toEqual({ held: true })
    lock[Symbol.dispose]()
    expect(readdirSync(dir)).toContain('lock.json')
  },
  PATIENCE_MS,
)

it('leaves no name behind when let go', () => {
  holdDataDir(dir, ME)[Symbol.dispose]()
  expect(readdirSync(dir)).toEqual(['lock.db'])
})

it('is lost for good when its file is removed or replaced (I7)', () => {
  using lock = holdDataDir(dir, ME)
  lock.assertHeld()
  rmSync(join(dir, 'lock.db'))
  expectLost(lock)
  // Now another could hold the directory, so what it finds there is its own.
  using next = holdDataDir(dir, { ...ME, pid: 43 })
  next.assertHeld()
  expectLost(lock)
  lock[Symbol.dispose]()
  expect(JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8'))).toMatchObject({ pid: 43 })
})

it('is lost when the whole directory goes', () => {
  using lock = holdDataDir(dir, ME)
  rmSync(dir, { recursive: true })
  expectLost(lock)
})

it.each(['', '{"pid":', '{"pid":"x"}', '{"host":"h","pid":1,"since":1e300,"command":"c"}'])(
  'still refuses when the holder’s name reads %j',
  (text) => {
    using lock = holdDataDir(dir, ME)
    writeFileSync(join(dir, 'lock.json'), text)
    const error = refusal()
    expect(error).toBeInstanceOf(DataDirHeld)
    expect(String(error)).toContain('another process')
    lock.assertHeld()
  },
)

it('says what to do about a directory that cannot be used', () => {
  const plain = join(dir, 'plain')
  writeFileSync(plain, '')
  expect(() => holdDataDir(plain, ME)).toThrow(StoreUnavailable)
  expect(() => holdDataDir(join(plain, 'below'), ME)).toThrow(/cannot be used .*--data DIR/s)
})

it('says what to do about a lock file that something else wrote to', () => {
  writeFileSync(join(dir, 'lock.db'), 'not a lock'.repeat(1000))
  expect(() => holdDataDir(dir, ME)).toThrow(StoreUnavailable)
  expect(() => holdDataDir(dir, ME)).toThrow(/lock\.db is damaged/)
})
