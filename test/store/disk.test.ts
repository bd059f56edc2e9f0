import { expect, it } from 'vitest'
import { type Child, script, startChild } from './child.ts'
import { open, PATIENCE_MS, refusal, useDataDir } from './data-dir.ts'

const dir = useDataDir()

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
  await using child = withMounts(`mount -t tmpfs tmpfs ${dir.path}`, ['echo', '1'])
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
    const run = script('run-out-of-disk.ts', dir.path, 'tmpfs')
    // Where nothing may be mounted, the limit on file sizes below stands for the full disk.
    if (!(await mayMount())) return expectLimitRecovered()
    await using child = withMounts(`mount -t tmpfs -o size=600k tmpfs ${dir.path}`, run)
    const [refused, ...rest] = await child.rest()
    expect(refused).toMatchObject({ refused: { name: 'StoreUnavailable' } })
    expect(JSON.stringify(refused)).toContain(`the disk under ${dir.path}/store.db is full`)
    expect(rest).toEqual(RECOVERED)
  },
  PATIENCE_MS,
)

/** 400 KiB per file, soft, so that the child can lift it. */
async function expectLimitRecovered(): Promise<void> {
  const run = script('run-out-of-disk.ts', dir.path, 'limit')
  await using child = startChild(['bash', '-ec', 'ulimit -S -f 400; exec "$@"', 'bash', ...run])
  const [refused, ...rest] = await child.rest()
  expect(refused).toMatchObject({ refused: { name: 'StoreUnavailable' } })
  expect(JSON.stringify(refused)).toContain(`reading or writing ${dir.path}/store.db failed`)
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
    await (await open(dir.path))[Symbol.asyncDispose]()
    const run = script('open-once.ts', dir.path)
    if (await mayMount()) {
      await using child = withMounts(
        `mount --bind ${dir.path} ${dir.path}\nmount -o remount,bind,ro ${dir.path}`,
        run,
      )
      expect(JSON.stringify(await child.rest())).toMatch(
        /StoreUnavailable.*cannot be used .*(EROFS|EACCES)/,
      )
      return
    }
    // Where nothing may be mounted: a place where nobody can write.
    expect(await refusal(open('/proc/acefleet'))).toContain('cannot be used')
  },
  PATIENCE_MS,
)
