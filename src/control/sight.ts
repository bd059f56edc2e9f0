import type { Condition, ConditionType } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import type { Peers } from './peers.ts'

/** How often a process looks whether it sees, ms. */
const LOOK_MS = 1_000

/** Without these nobody can act; another replica may well have them. */
const BLINDING: ReadonlySet<ConditionType> = new Set([
  'DockerUnreachable',
  'StoreUnavailable',
  'LeaseUnavailable',
])

/** Thrown when this process could not act for so long that another one should try. It held no more than a lease. */
export class StepsAside extends Error {
  override readonly name = 'StepsAside'
  readonly code = 'ACE_STEPS_ASIDE'
}

export interface SightParts {
  readonly clock: Clock
  readonly peers: Pick<Peers, 'hasOthers'>
  /** What stands in the way of acting right now. */
  readonly troubles: () => readonly (Condition | undefined)[]
}

/** Whether this process could act if it led. Where there is no other replica that is no question: nobody could better. */
export interface Sight {
  /** Its signal is aborted with {@link StepsAside} when this process has been unable to act for so long. */
  watch(patienceMs: number): Disposable & { readonly signal: AbortSignal }
  /** Resolves when it is able to act, or alone; rejects with the signal's reason. */
  regained(signal: AbortSignal): Promise<void>
}

export function sightOf({ clock, peers, troubles }: SightParts): Sight {
  const blindness = () =>
    troubles().find((trouble) => trouble !== undefined && BLINDING.has(trouble.type))

  return {
    watch(patienceMs) {
      const aside = new AbortController()
      /** Monotonic ms of the first look that met it: what conditions say is by a clock that may be set. */
      let blindSince: number | undefined
      function look(): void {
        const trouble = blindness()
        blindSince = trouble && (blindSince ?? clock.monotonic())
        const isOut = blindSince !== undefined && clock.monotonic() - blindSince >= patienceMs
        if (trouble === undefined || !isOut || !peers.hasOthers())
          timer = clock.timer(LOOK_MS, look)
        else
          aside.abort(
            new StepsAside(`another replica may lead while this one can not: ${trouble.message}`),
          )
      }
      let timer = clock.timer(LOOK_MS, look)
      return { signal: aside.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() }
    },
    async regained(signal) {
      while (peers.hasOthers() && blindness() !== undefined) await clock.sleep(LOOK_MS, signal)
    },
  }
}
