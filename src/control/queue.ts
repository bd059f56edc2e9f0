import type { Clock } from '../time/clock.ts'

/** Wake-ups that come within this time of a pass's start share the next one, ms. The first is served at once. */
const GAP_MS = 50

export interface QueueParts {
  readonly clock: Clock
  /** One pass over a key. Never rejects; never runs twice at once for one key. */
  readonly work: (key: string) => Promise<void>
}

/**
 * A coalescing keyed queue. A wake-up during a pass leads to another pass, so none is lost; many lead to one, so none
 * is wasted.
 */
export interface WorkQueue extends AsyncDisposable {
  wake(key: string): void
  /** Wakes at a time. An earlier wish for the same key stays; any wake-up makes the pass choose anew. */
  wakeAt(key: string, at: number): void
  /** Forgets a key: no pass begins for it until `wake` is called again. Resolves when a pass under way is over. */
  remove(key: string): Promise<void>
}

interface KeyState {
  isDirty: boolean
  /** Removed, and not woken since: kept until its last pass is over, so that the next one waits for that. */
  isRemoved: boolean
  running: Promise<void> | undefined
  lastStart: number
  /** The timer that leads to the next pass, and when it fires. */
  timer: { readonly at: number; readonly handle: Disposable } | undefined
}

export function makeQueue({ clock, work }: QueueParts): WorkQueue {
  const keys = new Map<string, KeyState>()
  let isClosed = false

  function stateOf(key: string): KeyState {
    const known = keys.get(key)
    if (known !== undefined) return known
    const fresh: KeyState = {
      isDirty: false,
      isRemoved: false,
      running: undefined,
      lastStart: -Infinity,
      timer: undefined,
    }
    keys.set(key, fresh)
    return fresh
  }

  function disarm(state: KeyState): void {
    state.timer?.handle[Symbol.dispose]()
    state.timer = undefined
  }

  function arm(key: string, state: KeyState, at: number): void {
    if (state.timer !== undefined && state.timer.at <= at) return
    disarm(state)
    const fire = () => {
      state.timer = undefined
      begin(key, state)
    }
    state.timer = { at, handle: clock.timer(Math.max(0, at - clock.now()), fire) }
  }

  function begin(key: string, state: KeyState): void {
    if (isClosed || state.isRemoved) return
    if (state.running !== undefined) {
      state.isDirty = true
      return
    }
    disarm(state)
    state.isDirty = false
    state.lastStart = clock.monotonic()
    state.running = work(key).finally(() => {
      state.running = undefined
      if (state.isDirty) next(key, state)
    })
  }

  /** The leading edge at once, what follows within the gap together. */
  function next(key: string, state: KeyState): void {
    const wait = state.lastStart + GAP_MS - clock.monotonic()
    if (wait <= 0) begin(key, state)
    else arm(key, state, clock.now() + wait)
  }

  return {
    wake(key) {
      if (isClosed) return
      const state = stateOf(key)
      state.isRemoved = false
      if (state.running !== undefined) state.isDirty = true
      else next(key, state)
    },
    wakeAt(key, at) {
      const state = stateOf(key)
      if (!isClosed && !state.isRemoved) arm(key, state, at)
    },
    async remove(key) {
      const state = keys.get(key)
      if (state === undefined) return
      state.isRemoved = true
      state.isDirty = false
      disarm(state)
      await state.running
      if (state.isRemoved) keys.delete(key)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      const states = [...keys.values()]
      for (const state of states) disarm(state)
      await Promise.all(states.map((state) => state.running))
    },
  }
}
