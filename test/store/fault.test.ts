import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { MIGRATIONS } from '../../src/store/embedded/schema.ts'
import { StoreUnavailable } from '../../src/store/errors.ts'
import {
  acceptedSpec,
  draining,
  event,
  FLEET,
  id,
  leadFrom,
  session,
  T0,
} from '../conformance/store/sample.ts'
import { type Child, script, startChild } from './child.ts'

/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 120_000

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'acefleet-fault-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = (at = dir, name = 'first') =>
  openEmbeddedStore({ dir: at, clock: { now: () => T0 }, newId: () => name })

/** Changes the closed store's file behind its back. */
function tamper(sql: string): void {
  const database = new DatabaseSync(join(dir, 'store.db'))
  database.exec(sql)
  database.close()
}

async function closed(): Promise<string> {
  await using store = await open()
  await store.mark(FLEET, draining(await leadFrom(store)))
  return join(dir, 'store.db')
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreUnavailable)
  return error instanceof Error ? error.message : ''
}

describe('what outlives the process', () => {
  it('everything, the incarnation included', async () => {
    const first = await open()
    const epoch = await leadFrom(first)
    await first.mark(FLEET, draining(epoch))
    await first.reserve(FLEET, session('r'), 2, T0).catch(() => {})
    await first.addRequest(FLEET, { kind: 'cordon', node: 'gluetun-a' })
    await first.acceptSpec(acceptedSpec(1))
    await first.appendEvents([event()])
    const memory = await first.readFleet(FLEET, T0)
    await first[Symbol.asyncDispose]()

    await using second = await open(dir, 'second')
    expect(await second.readFleet(FLEET, T0)).toEqual(memory)
    expect(memory.incarnation).toBe('first')
    expect(await second.acceptedSpecs()).toEqual([acceptedSpec(1)])
    expect(await second.events({})).toHaveLength(1)
    expect(await leadFrom(second)).toBeGreaterThan(epoch)
  })

  it(
    'every mark that was answered, when the process is killed (I7)',
    async () => {
      const child = startChild(script('mark-until-killed.ts', dir))
      while (Number(await child.next()) < 50);
      const rest = child.rest()
      await child.kill()
      const answered = 1 + Math.max(50, ...(await rest).map(Number))
      await using store = await open()
      const { marks } = await store.readFleet(FLEET, T0)
      // One more may have been written without its answer having been said.
      expect(marks.size - answered).toBeOneOf([0, 1])
    },
    PATIENCE_MS,
  )

  it(
    'nothing of a transaction that was cut off in the middle',
    async () => {
      const file = await closed()
      await using child = startChild(script('die-in-transaction.ts', file))
      expect(await child.rest()).toEqual(['in the middle'])
      await using store = await open()
      expect((await store.events({ limit: 10_000 })).map(({ message }) => message)).toEqual([
        'whole',
      ])
      expect((await store.readFleet(FLEET, T0)).marks.size).toBe(1)
    },
    PATIENCE_MS,
  )

  it('nothing of an in-memory store, which is a new incarnation each time', async () => {
    await using first = await open(':memory:', 'first')
    await using second = await open(':memory:', 'second')
    await first.acceptSpec(acceptedSpec(1))
    expect(await second.acceptedSpecs()).toEqual([])
    expect((await second.readFleet(FLEET, T0)).incarnation).toBe('second')
  })
})

describe('a file that cannot be used is refused, explained and left as it is', () => {
  it('when a newer version wrote it', async () => {
    const file = await closed()
    tamper(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    const before = readFileSync(file)
    expect(await refusal(open())).toMatch(/newer acefleet .*run that version again/s)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('when it is some other program’s database', async () => {
    tamper('CREATE TABLE theirs (a)')
    expect(await refusal(open())).toContain('some other program')
    tamper('SELECT a FROM theirs')
  })

  it('when it is no database at all', async () => {
    const file = join(dir, 'store.db')
    writeFileSync(file, 'not a database, '.repeat(1000))
    const message = await refusal(open())
    expect(message).toContain(`mv ${file}* `)
    expect(readFileSync(file, 'utf8')).toBe('not a database, '.repeat(1000))
  })

  it('when pages in its middle are damaged; moved aside as told, acefleet begins anew', async () => {
    {
      await using store = await open()
      await store.appendEvents(Array.from({ length: 500 }, (_, n) => event({ message: `m${n}` })))
    }
    const file = join(dir, 'store.db')
    const bytes = readFileSync(file)
    bytes.fill(0xff, 4096 * 3, bytes.length - 4096)
    writeFileSync(file, bytes)
    const message = await refusal(open())
    expect(message).toContain('is damaged')
    expect(readFileSync(file).equals(bytes)).toBe(true)

    const [, mend = ''] = /`(mkdir .*?)`/.exec(message) ?? []
    expect(spawnSync('sh', ['-ec', mend]).status).toBe(0)
    await using anew = await open(dir, 'anew')
    expect((await anew.readFleet(FLEET, T0)).incarnation).toBe('anew')
    expect(existsSync(join(dir, 'damaged', 'store.db'))).toBe(true)
  })

  it('when a record cannot be read, for that read alone', async () => {
    await closed()
    tamper(`UPDATE fleet SET status = '{"half":'; UPDATE mark SET kind = 'odd'`)
    await using store = await open()
    expect(await refusal(store.statuses())).toContain('cannot be read')
    expect(await refusal(store.readFleet(FLEET, T0))).toContain('cannot be read')
    expect(await store.events({})).toEqual([])
  })

  it('when the data directory is a file', async () => {
    const file = join(dir, 'plain')
    writeFileSync(file, '')
    expect(await refusal(open(file))).toMatch(/cannot be used .* --data DIR/s)
    expect(await refusal(open(join(file, 'below')))).toContain('cannot be used')
  })

  it(
    'when another process has it open, even without the lock of the data directory',
    async () => {
      await using child = startChild(script('mark-until-killed.ts', dir))
      await child.next()
      expect(await refusal(open())).toContain('held by another program')
    },
    PATIENCE_MS,
  )
})

it('keeps its file from other users, for specs may carry secrets', async () => {
  const inside = join(dir, 'made', 'deep')
  await using store = await open(inside)
  await store.addRequest(FLEET, { kind: 'delete' })
  expect(statSync(inside).mode & 0o777).toBe(0o700)
  for (const name of ['store.db', 'store.db-wal']) {
    expect(statSync(join(inside, name)).mode & 0o777).toBe(0o600)
  }
})

it('is unavailable while its file is removed or replaced, and forgets nothing when it is put back', async () => {
  await using store = await open()
  const epoch = await leadFrom(store)
  await store.mark(FLEET, draining(epoch))
  const file = join(dir, 'store.db')
  renameSync(file, `${file}.away`)
  expect(await refusal(store.readFleet(FLEET, T0))).toContain('removed or replaced')
  writeFileSync(file, '')
  expect(await refusal(store.noteReady(FLEET, epoch, id('b'), T0))).toContain('removed or replaced')
  expect(statSync(file).size).toBe(0)
  renameSync(`${file}.away`, file)
  await store.noteReady(FLEET, epoch, id('b'), T0)
  expect((await store.readFleet(FLEET, T0)).marks.size).toBe(1)
})

it('is unavailable once closed, and may be closed twice', async () => {
  const store = await open()
  await store[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  expect(await refusal(store.statuses())).toContain('closed')
})

/** Starts a command inside a mount namespace of its own, in which `mounts` has been done first. */
function withMounts(mounts: string, command: readonly string[]): Child {
  const isRoot = process.getuid?.() === 0
  return startChild([
    'unshare',
    isRoot ? '-m' : '-rm',
    'sh',
    '-ec',
    `${mounts}\nexec "$@"`,
    'sh',
    ...command,
  ])
}

/** Root and most desktop users may mount in a namespace of their own; some sandboxes forbid it to everyone. */
async function mayMount(): Promise<boolean> {
  await using child = withMounts(`mount -t tmpfs tmpfs ${dir}`, ['echo', '1'])
  return (await child.rest()).length === 1
}

const RECOVERED = [
  { held: true },
  { during: { marks: 1, whole: true } },
  { after: { marks: 2, incarnation: 'first' } },
  { reopened: { marks: 2, incarnation: 'first' } },
]

it(
  'says that the disk is full, keeps what it has, and goes on when there is room again',
  async () => {
    const run = script('run-out-of-disk.ts', dir, 'tmpfs')
    // Where nothing may be mounted, the limit on file sizes below stands for the full disk.
    if (!(await mayMount())) return expectLimitRecovered()
    await using child = withMounts(`mount -t tmpfs -o size=600k tmpfs ${dir}`, run)
    const [refused, ...rest] = await child.rest()
    expect(refused).toMatchObject({ refused: { name: 'StoreUnavailable' } })
    expect(JSON.stringify(refused)).toContain(`the disk under ${dir}/store.db is full`)
    expect(rest).toEqual(RECOVERED)
  },
  PATIENCE_MS,
)

/** 400 KiB per file, soft, so that the child can lift it. */
async function expectLimitRecovered(): Promise<void> {
  const run = script('run-out-of-disk.ts', dir, 'limit')
  await using child = startChild(['bash', '-ec', 'ulimit -S -f 400; exec "$@"', 'bash', ...run])
  const [refused, ...rest] = await child.rest()
  expect(refused).toMatchObject({ refused: { name: 'StoreUnavailable' } })
  expect(JSON.stringify(refused)).toContain(`reading or writing ${dir}/store.db failed`)
  expect(rest).toEqual(RECOVERED)
}

it(
  'says that writing failed, drops the connection, and goes on when writing works again',
  expectLimitRecovered,
  PATIENCE_MS,
)

it(
  'refuses a read-only directory at once, and says how to mend it',
  async () => {
    await closed()
    const run = script('open-once.ts', dir)
    if (await mayMount()) {
      await using child = withMounts(
        `mount --bind ${dir} ${dir}\nmount -o remount,bind,ro ${dir}`,
        run,
      )
      expect(JSON.stringify(await child.rest())).toMatch(
        /StoreUnavailable.*cannot be used .*(EROFS|EACCES)/,
      )
      return
    }
    // Without mounts there is no root either, so permissions count.
    mkdirSync(join(dir, 'below'))
    chmodSync(dir, 0o500)
    chmodSync(join(dir, 'store.db'), 0o400)
    await using child = startChild(run)
    expect(JSON.stringify(await child.rest())).toMatch(
      /StoreUnavailable.*cannot be used .*(EROFS|EACCES)/,
    )
    chmodSync(dir, 0o700)
  },
  PATIENCE_MS,
)
