/** Knows which of several servers to ask: the one that answered last, until it does not. */
export interface Guide {
  url(): string
  /** The server did not answer: the next one is asked from now on. */
  turn(): void
  /** Aborted when another one is asked from now on. */
  turned(): AbortSignal
}

/** `urls` are those of servers that may answer, best first; at least one. */
export function makeGuide(urls: () => readonly string[]): Guide {
  let current: string | undefined
  let turned = new AbortController()
  return {
    url() {
      const [first = '', ...others] = urls()
      const isThere = current !== undefined && [first, ...others].includes(current)
      current = isThere ? current : first
      return current ?? ''
    },
    turn() {
      const all = urls()
      const at = all.indexOf(current ?? '')
      current = all[(at + 1) % all.length]
      turned.abort()
      turned = new AbortController()
    },
    turned: () => turned.signal,
  }
}
