import { isMutation } from '../../src/docker/answer.ts'
import type { EventFate } from './event-feed.ts'
import type { Call, Fault } from './fake-docker.ts'
import type { Crash } from './fate.ts'
import type { Random } from './random.ts'
import type { StoreFate } from './sim-store.ts'

/** How likely each thing goes wrong, per call or event: drawn once per seed, so that many seeds are mild. */
export interface Climate {
  readonly read: number
  readonly mutation: number
  readonly store: number
  readonly event: number
  readonly crash: number
  readonly pause: number
  readonly snatch: number
  readonly storeLatencyMs: number
}

export function drawClimate(random: Random): Climate {
  const level = (most: number) => (random.chance(0.4) ? 0 : random.next() * most)
  return {
    read: level(0.1),
    mutation: level(0.25),
    store: level(0.08),
    event: level(0.6),
    crash: level(0.04),
    pause: level(0.12),
    snatch: level(0.1),
    storeLatencyMs: random.chance(0.5) ? 0 : random.int(1, 10),
  }
}

/** What goes wrong on the way to Docker and the store while the weather lasts. */
export interface Misfortune {
  docker(call: Call): Fault | undefined
  store(isWrite: boolean): StoreFate
  event(): EventFate
  /** What becomes of the process at this side effect. */
  crash(): Crash | undefined
  /** Looks are many, and what one leads to comes right after it: a process paused there is most likely to act late. */
  pausesAtLook(): boolean
  /** Whether a stranger takes the name first. */
  snatches(): boolean
}

function readFault(random: Random): Fault {
  return random.pick<() => Fault>([
    () => ({ kind: 'refuse' }),
    () => ({ kind: 'unreachable' }),
    () => ({ kind: 'hang', isCarriedOut: false }),
    // An answer that is old when it comes.
    () => ({ kind: 'slow', replyMs: random.int(200, 14_000) }),
    () => ({ kind: 'slow', replyMs: random.int(200, 3_000) }),
    () => ({ kind: 'lostReply' }),
  ])()
}

function mutationFault(random: Random): Fault {
  return random.pick<() => Fault>([
    () => ({ kind: 'refuse' }),
    () => ({ kind: 'refuse', status: 503 }),
    () => ({ kind: 'unreachable' }),
    () => ({ kind: 'lostRequest' }),
    () => ({ kind: 'lostReply' }),
    () => ({ kind: 'hang', isCarriedOut: true }),
    () => ({ kind: 'hang', isCarriedOut: false }),
    // Lands after its caller gave it up, but within the patience that callers have.
    () => ({ kind: 'slow', requestMs: random.int(15_000, 25_000) }),
    () => ({ kind: 'slow', requestMs: random.int(200, 14_000) }),
    () => ({ kind: 'slow', replyMs: random.int(200, 20_000) }),
  ])()
}

export function makeMisfortune(climate: Climate, random: Random): Misfortune {
  const of = {
    docker: random.fork('docker'),
    store: random.fork('store'),
    event: random.fork('event'),
    crash: random.fork('crash'),
    snatch: random.fork('snatch'),
  }
  return {
    docker({ verb }) {
      if (isMutation(verb) || verb === 'pull')
        return of.docker.chance(climate.mutation) ? mutationFault(of.docker) : undefined
      return of.docker.chance(climate.read) ? readFault(of.docker) : undefined
    },
    store(isWrite) {
      if (!of.store.chance(climate.store)) return undefined
      return isWrite && of.store.chance(0.4) ? 'losesReply' : 'fails'
    },
    event() {
      if (!of.event.chance(climate.event)) return undefined
      return of.event.pick<EventFate>(['drop', 'duplicate', { delayMs: of.event.int(50, 5_000) }])
    },
    crash() {
      if (of.crash.chance(climate.crash)) return of.crash.pick(['before', 'after'])
      return of.crash.chance(climate.pause) ? of.crash.pick(['pause', 'stall']) : undefined
    },
    pausesAtLook: () => of.crash.chance(climate.pause / 10),
    snatches: () => of.snatch.chance(climate.snatch),
  }
}
