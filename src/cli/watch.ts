import type { Clock } from '../time/clock.ts'
import { CommandFailed } from './command-failed.ts'
import type { CliIo } from './io.ts'
import { ServerRefused } from './server-client.ts'

/** How often the server is asked, ms: below what a person notices as late. */
const POLL_MS = 1_000

export interface WatchParts<Item> {
  readonly io: CliIo
  readonly clock: Clock
  readonly read: () => Promise<readonly Item[]>
  readonly keyOf: (item: Item) => string
  /** What must differ for an item to be shown again. */
  readonly faceOf: (item: Item) => string
  readonly show: (items: readonly Item[]) => void
  readonly showGone: (item: Item) => void
}

interface Shown<Item> {
  readonly face: string
  readonly item: Item
}

/** Shows all items, then each that changed and each that went, until interrupted. A server that goes is waited for. */
export async function watch<Item>(parts: WatchParts<Item>): Promise<void> {
  const { io, clock, keyOf, faceOf } = parts
  let shown: ReadonlyMap<string, Shown<Item>> | undefined
  let isAway = false

  async function look(): Promise<void> {
    const items = await parts.read()
    const next = new Map(items.map((item) => [keyOf(item), { face: faceOf(item), item }]))
    const before = shown
    for (const [key, { item }] of before ?? []) if (!next.has(key)) parts.showGone(item)
    parts.show(items.filter((item) => before?.get(keyOf(item))?.face !== faceOf(item)))
    shown = next
    if (isAway) io.err.write('acefleet: the server is back\n')
    isAway = false
  }

  while (!io.signal.aborted) {
    try {
      await look()
    } catch (error) {
      if (io.signal.aborted) return
      // The first look must succeed, and what the server says is no passing fault.
      const isPassing = error instanceof CommandFailed && !isFinal(error)
      if (shown === undefined || !isPassing) throw error
      if (!isAway) io.err.write('acefleet: the server does not answer, waiting for it\n')
      isAway = true
    }
    await clock.sleep(POLL_MS, io.signal).catch(() => {})
  }
}

function isFinal(error: CommandFailed): boolean {
  return error instanceof ServerRefused && error.status < 500
}
