import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../src/store/store.ts'

/** Looks at a fleet's sessions as the store has them, again and again. */
export interface Books extends AsyncDisposable {
  /** Each engine with more sessions than it may have, and each content with more than one. */
  readonly violations: readonly string[]
}

const LOOK_MS = 50

function repeated(values: readonly string[], most: number): string[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].filter(([, count]) => count > most).map(([value]) => value)
}

/** Keeps books until disposed. A store that is away tells nothing. */
export function keepBooks(store: Store, fleet: string, maxStreams: number): Books {
  const violations: string[] = []
  const over = new AbortController()

  async function look(): Promise<void> {
    const sessions = await store.sessions(fleet, Date.now())
    const engines = sessions.map(({ containerId }) => containerId)
    const contents = sessions.map(({ content }) => content)
    for (const engine of repeated(engines, maxStreams)) violations.push(`engine ${engine}`)
    for (const content of repeated(contents, 1)) violations.push(`content ${content}`)
  }

  const looking = (async () => {
    while (!over.signal.aborted) {
      await look().catch(() => {})
      await sleep(LOOK_MS)
    }
  })()
  return {
    violations,
    async [Symbol.asyncDispose]() {
      over.abort()
      await looking
    },
  }
}
