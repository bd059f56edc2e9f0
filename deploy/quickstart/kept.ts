import type { Child, Ending } from './child.ts'

/** A process that is started again a while after it has ended, until it is told to stop. */
export interface Kept {
  /** Of the present process, or of the last one. */
  pid(): number
  isAlive(): boolean
  stop(): Promise<void>
}

export interface KeptOptions {
  readonly first: Child
  readonly startAgain: () => Child
  readonly pauseMs: number
  /** It has ended by itself, or somebody ended it. */
  readonly onEnd: (child: Child, ending: Ending) => void
  readonly onAgain: (child: Child) => void
}

export function keep({ first, startAgain, pauseMs, onEnd, onAgain }: KeptOptions): Kept {
  let child = first
  let isOver = false
  let timer: NodeJS.Timeout | undefined

  function again(): void {
    child = startAgain()
    onAgain(child)
    lookAfter(child)
  }

  function lookAfter(each: Child): void {
    void each.ended.then((ending) => {
      if (isOver) return
      timer = setTimeout(again, pauseMs)
      onEnd(each, ending)
    })
  }

  lookAfter(child)
  return {
    pid: () => child.pid,
    isAlive: () => !child.hasEnded(),
    async stop() {
      isOver = true
      clearTimeout(timer)
      await child.stop()
    },
  }
}
