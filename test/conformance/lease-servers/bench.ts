import type { LeaseServers } from '../../../src/lease/servers.ts'

/** N lease servers, real or not, and what a test does to them. Servers are counted from 0. */
export interface LeaseServersBench extends AsyncDisposable {
  /** All of them, as one more process has them; every server that answers has been met when it resolves. */
  client(): Promise<LeaseServers>
  /** It dies, and forgets all. */
  kill(server: number): Promise<void>
  /** It starts anew, empty. */
  start(server: number): Promise<void>
  /** It answers nobody, and carries out late what it is sent. */
  freeze(server: number): Promise<void>
  thaw(server: number): Promise<void>
  /** It forgets all, and goes on. */
  flush(server: number): Promise<void>
  pass(ms: number): Promise<void>
}

/** Opens a bench of 1, 3 or 5 servers that know nothing. */
export type OpenLeaseServers = (count: number) => Promise<LeaseServersBench>

/** Long enough for a busy machine not to see a lease lapse that a test holds, ms. */
export const LONG_MS = 60_000
/** Short enough to wait for, ms. */
export const SHORT_MS = 2_000

/** Asks until it is so: connections come back, and leases lapse, in their own time. */
export async function eventually<T>(
  bench: LeaseServersBench,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  let trouble: unknown
  for (let attempt = 0; attempt < 150; attempt++) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      trouble = error
    }
    await bench.pass(100)
  }
  throw new Error('it never came to be', { cause: trouble })
}
