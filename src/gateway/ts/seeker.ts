import type { EntryPoint } from './entry-point.ts'
import { makeScanner } from './scanner.ts'

/** Where a new upstream is to begin, and its packets from there on, as far as they have come. */
export interface Start {
  readonly point: EntryPoint
  readonly packets: Buffer
}

/** Looks for the place where decoders can go over to a new upstream. */
export interface Seeker {
  /** The next whole packets. Keeps copies of no more than a picture's beginning. */
  push(chunk: Buffer): Start | undefined
}

/** Gives up after `mostBytes` and begins with whatever comes next, so that viewers do not wait for a picture for ever. */
export function makeSeeker(mostBytes: number): Seeker {
  const scanner = makeScanner()
  let held: Buffer = Buffer.alloc(0)
  let heldFrom = 0
  let seen = 0

  return {
    push: (chunk) => {
      const [point] = scanner.scan(chunk, seen)
      held = Buffer.concat([held, chunk])
      seen += chunk.length
      if (point !== undefined) return { point, packets: held.subarray(point.position - heldFrom) }
      if (seen >= mostBytes) return { point: scanner.here(), packets: Buffer.alloc(0) }
      held = Buffer.from(held.subarray(scanner.openPosition - heldFrom))
      heldFrom = scanner.openPosition
      return undefined
    },
  }
}
