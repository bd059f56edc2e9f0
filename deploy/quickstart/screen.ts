/** What a terminal shows: lines that stay, and below them one that is rewritten. */
export interface Screen {
  /** Whether the status may change all the time. */
  readonly isLive: boolean
  /** A line that stays. */
  print(text: string): void
  /** What is awaited now; empty when nothing is. Without a terminal it is printed whenever it changes. */
  status(text: string): void
}

export function makeScreen(out: NodeJS.WriteStream): Screen {
  const clear = '\r\u001b[K'
  let shown = ''
  return {
    isLive: out.isTTY,
    print: (text) => {
      out.write(out.isTTY ? `${clear}${text}\n${shown}` : `${text}\n`)
    },
    status: (text) => {
      // A line that wraps could not be rewritten. Some terminals say that they have no columns.
      const next = out.isTTY ? text.slice(0, (out.columns || 80) - 1) : text
      if (next === shown) return
      shown = next
      if (out.isTTY) out.write(clear + next)
      else if (next !== '') out.write(`${next}\n`)
    },
  }
}
