import type { VirtualClock } from './virtual-clock.ts'

/** What one lease server knows, and may do with one request: each of these is one atomic step, as a script is. */
export interface LeaseTable {
  /** Takes a lease that nobody has. */
  take(name: string, holder: string, ttlMs: number): boolean
  /** Only the holder's, and never made anew. */
  extend(name: string, holder: string, ttlMs: number): boolean
  drop(name: string, holder: string): void
  epoch(name: string): number
  /** Only upwards. */
  raise(name: string, epoch: number): boolean
  /** Another one after every restart. */
  readonly run: number
}

/** One server, and what befalls it. It keeps time by a clock of its own. */
export interface FakeLeaseServer {
  /** Carries out a request now, when it goes on, or never. */
  receive(request: (table: LeaseTable) => void): void
  readonly isDown: boolean
  /** As SIGSTOP: what is sent meanwhile is carried out late. */
  freeze(): void
  thaw(): void
  /** Forgets everything, and answers nobody until started. */
  kill(): void
  start(): void
  /** FLUSHALL. */
  flush(): void
  stepClock(ms: number): void
  /** How many of its ms pass in one. */
  setPace(pace: number): void
  /** Who has a lease by its own clock, for judges. */
  holder(name: string): string | undefined
}

interface Lease {
  readonly holder: string
  /** By the server's own clock. */
  readonly expiresAt: number
}

/** A clock that may be stepped and run apart from the world's. */
function makeOwnClock(clock: VirtualClock) {
  let pace = 1
  let since = clock.monotonic()
  let shown = 0
  const now = () => shown + pace * (clock.monotonic() - since)
  return {
    now,
    set(ms: number, nextPace = pace) {
      shown = ms
      since = clock.monotonic()
      pace = nextPace
    },
    setPace(nextPace: number) {
      this.set(now(), nextPace)
    },
  }
}

export function makeFakeLeaseServer(clock: VirtualClock): FakeLeaseServer {
  const own = makeOwnClock(clock)
  const leases = new Map<string, Lease>()
  const epochs = new Map<string, number>()
  let run = 1
  let state: 'up' | 'frozen' | 'down' = 'up'
  let late: ((table: LeaseTable) => void)[] = []

  const holder = (name: string) => {
    const lease = leases.get(name)
    return lease !== undefined && own.now() < lease.expiresAt ? lease.holder : undefined
  }
  const forget = () => {
    leases.clear()
    epochs.clear()
  }
  const table: LeaseTable = {
    take(name, by, ttlMs) {
      if (holder(name) !== undefined) return false
      leases.set(name, { holder: by, expiresAt: own.now() + ttlMs })
      return true
    },
    extend(name, by, ttlMs) {
      if (holder(name) !== by) return false
      leases.set(name, { holder: by, expiresAt: own.now() + ttlMs })
      return true
    },
    drop(name, by) {
      if (holder(name) === by) leases.delete(name)
    },
    epoch: (name) => epochs.get(name) ?? 0,
    raise(name, epoch) {
      if (epoch <= this.epoch(name)) return false
      epochs.set(name, epoch)
      return true
    },
    get run() {
      return run
    },
  }

  return {
    receive(request) {
      if (state === 'up') request(table)
      else if (state === 'frozen') late.push(request)
    },
    get isDown() {
      return state === 'down'
    },
    freeze: () => {
      if (state === 'up') state = 'frozen'
    },
    thaw: () => {
      if (state !== 'frozen') return
      state = 'up'
      const requests = late
      late = []
      for (const request of requests) request(table)
    },
    kill: () => {
      state = 'down'
      late = []
      forget()
    },
    start: () => {
      if (state !== 'down') return
      state = 'up'
      run += 1
    },
    flush: forget,
    stepClock: (ms) => own.set(own.now() + ms),
    setPace: (pace) => own.setPace(pace),
    holder,
  }
}
