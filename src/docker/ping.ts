import type { Wire } from './wire.ts'

/** Resolves when the daemon answers at all. */
export async function ping(wire: Wire, signal: AbortSignal): Promise<void> {
  await wire.ask({
    verb: 'ping',
    target: '',
    signal,
    // The types know no options of `ping`, the code does.
    send: ({ reads }, abortSignal) =>
      (reads.ping as (options: object) => Promise<unknown>)({ abortSignal }),
  })
}
