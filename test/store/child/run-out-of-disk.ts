/*
 * Runs the store of argv[2] out of disk, then gives the room back, and says what was seen. The room ends by a filler
 * file on a small filesystem (argv[3] = tmpfs) or by the limit on file sizes this process was started under (limit).
 */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerId } from '../../../src/docker/port.ts'
import { holdDataDir } from '../../../src/lease/data-dir.ts'
import type { Epoch } from '../../../src/lease/lease.ts'
import { openEmbeddedStore } from '../../../src/store/embedded/open.ts'
import type { Store } from '../../../src/store/store.ts'

const [, , dir = '', way = ''] = process.argv
const filler = join(dir, 'filler')
const clock = { now: () => 1, monotonic: () => 1 }
const id = (digit: string) => digit.repeat(64) as ContainerId

function say(what: string, value: unknown): void {
  console.log(JSON.stringify({ [what]: value }))
}

function fill(): void {
  if (way !== 'tmpfs') return
  const fd = openSync(filler, 'w')
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096))
  } catch {
    closeSync(fd)
  }
}

function giveBack(): void {
  if (way === 'tmpfs') rmSync(filler)
  else execFileSync('prlimit', ['--pid', `${process.pid}`, '--fsize=unlimited:'])
}

/** Writes until refused: what the log has already been given it may still use. */
async function writeUntilRefused(store: Store, epoch: Epoch): Promise<number> {
  for (let n = 0; n < 10_000; n++) {
    try {
      await store.setBackoff('home', epoch, `slot ${n} ${'x'.repeat(2000)}`, {
        failures: n,
        notBefore: n,
        containerId: id('b'),
      })
    } catch (error) {
      const { name, message } = error as Error
      say('refused', { name, message })
      return n
    }
  }
  throw new Error('the disk never became full')
}

const store = await openEmbeddedStore({ dir, clock, newId: () => 'first' })
const epoch = await store.openTerm('home', 'child', 0, 1)
const mark = { kind: 'draining', reason: 'Scaled', at: 1, deadlineAt: 9, epoch } as const
await store.mark('home', { ...mark, containerId: id('a') })
fill()
const written = await writeUntilRefused(store, epoch)
say('held', holdDataDir(dir, { host: 'h', pid: process.pid, since: 1, command: 'x' }).dir === dir)
const during = await store.readFleet('home', 1)
say('during', { marks: during.marks.size, whole: during.backoff.size === written })
giveBack()
await store.mark('home', { ...mark, containerId: id('c') })
const after = await store.readFleet('home', 1)
say('after', { marks: after.marks.size, incarnation: after.incarnation })
await store[Symbol.asyncDispose]()
const reopened = await openEmbeddedStore({ dir, clock, newId: () => 'two' })
const again = await reopened.readFleet('home', 1)
say('reopened', { marks: again.marks.size, incarnation: again.incarnation })
await reopened[Symbol.asyncDispose]()
