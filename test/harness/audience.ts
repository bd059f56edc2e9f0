import { setTimeout as sleep } from 'node:timers/promises'
import type { Reservation, Store } from '../../src/store/store.ts'
import { infohashOfId } from '../standins/engine/traits.ts'
import { type Watcher, watchStream } from './watch-stream.ts'

/** 40 hex digits for a content, from a word. */
function contentOf(word: string): string {
  return Buffer.from(word).toString('hex').padEnd(40, '0').slice(0, 40)
}

export function streamUrl(gateway: string, word: string): string {
  return `${gateway}/ace/getstream?id=${contentOf(word)}`
}

/** How often a gateway that has no room yet is asked again, ms. */
const RETRY_MS = 300

/** Watches a content through a gateway, and checks every packet. Comes again as long as it is told to by a 503. */
export async function watchContent(gateway: string, word: string): Promise<Watcher> {
  for (;;) {
    const watcher = await watchStream(streamUrl(gateway, word), { jumps: 'signalled' })
    if (watcher.response.statusCode === 200) return watcher
    const { statusCode } = watcher.response
    watcher.response.destroy()
    if (statusCode !== 503) throw new Error(`${word}: ${statusCode}`)
    await sleep(RETRY_MS)
  }
}

/** The one session of a content; undefined while there is none. Throws where there are two. */
export async function sessionOf(
  store: Store,
  fleet: string,
  word: string,
): Promise<Reservation | undefined> {
  const id = contentOf(word)
  const names = [`id:${id}`, `infohash:${infohashOfId(id)}`]
  const all = await store.sessions(fleet, Date.now())
  const [session, second] = all.filter(({ content }) => names.includes(content))
  if (second !== undefined) throw new Error(`${word} is played twice`)
  return session
}

/** Two seconds of the stand-in's stream, told by its stamps. */
const SOME_STAMPS = 60

/** Whether a viewer has got that much since `from`. */
export function hasMore(watcher: Watcher, from: number): boolean {
  return watcher.report().stamps > from + SOME_STAMPS
}
