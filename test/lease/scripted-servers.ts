import type { Grant, LeaseServers } from '../../src/lease/servers.ts'

type Extended = 'extended' | 'lost'

/** One request, to be answered when the test likes. */
export interface Asked<T> {
  readonly what: string
  /** Monotonic ms. */
  readonly at: number
  answer(value: T): void
  fail(error: unknown): void
}

/** Lease servers that answer as told: every request waits until the test has its answer, unless it has one ready. */
export interface ScriptedServers extends LeaseServers {
  readonly asked: Asked<unknown>[]
  /** Answers every request of this kind at once, from now on. */
  always(what: 'acquire', answer: () => Grant | undefined): void
  always(what: 'extend', answer: () => Extended): void
  always(what: 'release', answer: () => void): void
  /** Waits for the test again. */
  ask(what: 'acquire' | 'extend' | 'release'): void
  /** The last request of a kind. */
  last(what: string): Asked<unknown>
  count(what: string): number
  grant: Grant
}

export function scriptServers(clock: { monotonic(): number }): ScriptedServers {
  const asked: Asked<unknown>[] = []
  const ready = new Map<string, () => unknown>()

  async function request(what: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    asked.push({ what, at: clock.monotonic(), answer: resolve, fail: reject })
    const answer = ready.get(what)
    if (answer !== undefined) return answer()
    return await promise
  }

  const grant: Grant = {
    extend: async () => (await request('extend')) as Extended,
    release: async () => {
      await request('release')
    },
  }
  return {
    asked,
    grant,
    always: (what, answer) => {
      ready.set(what, answer)
    },
    ask: (what) => {
      ready.delete(what)
    },
    last(what) {
      const found = asked.findLast((each) => each.what === what)
      if (found === undefined) throw new Error(`nobody asked to ${what}`)
      return found
    },
    count: (what) => asked.filter((each) => each.what === what).length,
    acquire: async () => (await request('acquire')) as Grant | undefined,
    readEpoch: async (name) => (await request(`readEpoch ${name}`)) as number,
    raiseEpoch: async (name, epoch) => (await request(`raiseEpoch ${name} ${epoch}`)) as boolean,
  }
}
