import { type LeaseServers, LeaseServersAway } from '../../src/lease/servers.ts'
import { type FakeLeaseServer, type LeaseTable, makeFakeLeaseServer } from './fake-lease-server.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** One process's client of all lease servers, and what befalls its connections. */
export interface FakeLeaseClient extends LeaseServers {
  /** Nothing goes through between this client and server k, in either direction. */
  cut(k: number): void
  heal(k: number): void
  /** The next so many requests to server k are carried out, and nothing is heard of it. */
  loseReplies(k: number, count: number): void
}

export interface FakeLeaseServers {
  readonly servers: readonly FakeLeaseServer[]
  client(process: SimProcess): FakeLeaseClient
}

export interface FakeLeaseOptions {
  readonly clock: VirtualClock
  /** 1, 3 or 5. */
  readonly count: number
  /** After that a client gives up on an answer. */
  readonly attemptMs: number
  /** On the way to a server or back. */
  readonly latencyMs: () => number
  /** Told of every request as it is sent: the place to pause or kill its sender. */
  readonly onSent?: (process: SimProcess) => void
}

/** One way of one connection: what is sent first arrives first. */
function makeWay(clock: VirtualClock, latencyMs: () => number) {
  let last = 0
  return {
    isCut: false,
    send(arrive: () => void) {
      if (this.isCut) return
      last = Math.max(last, clock.monotonic() + latencyMs())
      clock.timer(last - clock.monotonic(), () => {
        if (!this.isCut) arrive()
      })
    },
  }
}

/** No answer: it was not sent, not carried out, lost or late. The caller cannot know which. */
const NONE = Symbol('no answer')

/** One client's connection to one server. */
function makeLink(options: FakeLeaseOptions, process: SimProcess, server: FakeLeaseServer) {
  const { clock, attemptMs, latencyMs } = options
  const there = makeWay(clock, latencyMs)
  const back = makeWay(clock, latencyMs)
  let repliesToLose = 0
  /** The server's run that was last met, and until when it is not trusted to remember leases. */
  let met: number | undefined
  let distrustedUntil = 0

  function meet(run: number, ttlMs: number): void {
    if (met !== undefined && met !== run) distrustedUntil = process.clock.monotonic() + ttlMs
    met = run
  }

  return {
    setCut(isCut: boolean) {
      there.isCut = isCut
      back.isCut = isCut
    },
    loseReplies: (count: number) => {
      repliesToLose = count
    },
    /** Has just restarted, perhaps forgotten a lease that still stands: does not vote for a ttl. */
    isDistrusted: () => process.clock.monotonic() < distrustedUntil,
    ask<T>(request: (table: LeaseTable) => T, ttlMs = 0): Promise<T | typeof NONE> {
      return new Promise((resolve) => {
        if (server.isDown) return resolve(NONE)
        const limit = process.clock.timer(attemptMs, () => resolve(NONE))
        there.send(() =>
          server.receive((table) => {
            const answer = request(table)
            const { run } = table
            if (repliesToLose > 0) repliesToLose -= 1
            else
              back.send(() =>
                process.deliver(() => {
                  limit[Symbol.dispose]()
                  meet(run, ttlMs)
                  resolve(answer)
                }),
              )
          }),
        )
      })
    },
  }
}

type Link = ReturnType<typeof makeLink>

/** Asks all, and ends as soon as the answers decide it. */
function gather<T, R>(
  questions: readonly Promise<T | typeof NONE>[],
  decide: (answers: readonly T[], isComplete: boolean) => R | undefined,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const answers: T[] = []
    let pending = questions.length
    for (const question of questions)
      void question.then((answer) => {
        pending -= 1
        if (answer !== NONE) answers.push(answer as T)
        const decision = decide(answers, pending === 0)
        if (decision !== undefined) resolve(decision)
        else if (pending === 0)
          reject(
            new LeaseServersAway(`${answers.length} of ${questions.length} lease servers answered`),
          )
      })
  })
}

const countOf = (answers: readonly boolean[], wanted: boolean) =>
  answers.filter((answer) => answer === wanted).length

function makeClient(
  options: FakeLeaseOptions,
  process: SimProcess,
  links: readonly Link[],
  nextHolder: () => string,
): FakeLeaseClient {
  const quorum = Math.floor(links.length / 2) + 1
  const blocking = links.length - quorum + 1

  function askAll<T>(request: (table: LeaseTable) => T, ttlMs?: number) {
    const asked = links.map((link) => link.ask(request, ttlMs))
    options.onSent?.(process)
    return asked
  }

  const drop = async (name: string, holder: string): Promise<void> => {
    await Promise.all(askAll((table) => table.drop(name, holder)))
  }

  async function take(name: string, holder: string, ttlMs: number): Promise<boolean> {
    const votes = askAll((table) => table.take(name, holder, ttlMs), ttlMs).map(
      async (answer, k) => {
        const vote = await answer
        return links[k]?.isDistrusted() ? NONE : vote
      },
    )
    return await gather(votes, (answers, isComplete) => {
      if (countOf(answers, true) >= quorum) return true
      const isRefused = isComplete && answers.length >= quorum
      return isRefused || countOf(answers, false) >= quorum ? false : undefined
    })
  }

  return {
    cut: (k) => links[k]?.setCut(true),
    heal: (k) => links[k]?.setCut(false),
    loseReplies: (k, count) => links[k]?.loseReplies(count),
    async acquire(name, ttlMs) {
      const holder = nextHolder()
      const isGranted = await take(name, holder, ttlMs).catch((error: unknown) => {
        void drop(name, holder)
        throw error
      })
      if (!isGranted) {
        void drop(name, holder)
        return undefined
      }
      return {
        extend: (forMs) =>
          gather(
            askAll((table) => table.extend(name, holder, forMs)),
            (answers) => {
              if (countOf(answers, true) >= quorum) return 'extended'
              return countOf(answers, false) >= quorum ? 'lost' : undefined
            },
          ),
        release: () => drop(name, holder),
      }
    },
    readEpoch: (name) =>
      gather(
        askAll((table) => table.epoch(name)),
        (answers) => (answers.length >= quorum ? Math.max(...answers) : undefined),
      ),
    raiseEpoch: (name, epoch) =>
      gather(
        askAll((table) => table.raise(name, epoch)),
        (answers) => {
          if (countOf(answers, true) >= quorum) return true
          return countOf(answers, false) >= blocking ? false : undefined
        },
      ),
  }
}

/** Lease servers for virtual time, with a majority's rules, each with everything that may befall it. */
export function makeFakeLeaseServers(options: FakeLeaseOptions): FakeLeaseServers {
  const servers = Array.from({ length: options.count }, () => makeFakeLeaseServer(options.clock))
  let holders = 0
  return {
    servers,
    client(process) {
      const links = servers.map((server) => makeLink(options, process, server))
      const nextHolder = () => `${process.name}#${++holders}`
      return makeClient(options, process, links, nextHolder)
    },
  }
}
