import type { Condition, ConditionType } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import type { DockerAnswers } from './docker-answers.ts'
import type { Patience } from './patience.ts'
import type { Peers } from './peers.ts'

/** How often a process looks whether it sees, ms. */
const LOOK_MS = 500

/** A standby whose Docker owes an answer does not bid after this share of a leader's patience: the lease is for others. */
const STANDBY_SHARE = 1 / 3

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
  readonly peers: Pick<Peers, 'hasOthers' | 'seeDocker'>
  readonly answers: Pick<DockerAnswers, 'owedMs'>
  /** What stands in the way of acting right now. */
  readonly troubles: () => readonly (Condition | undefined)[]
}

/** Aborted with {@link StepsAside} when this process has been unable to act for so long. */
export type Aside = Disposable & { readonly signal: AbortSignal }

/** Whether this process could act if it led. Where there is no other replica that is no question: nobody could better. */
export interface Sight {
  /** Of a leader: it gives way when its patience is over and another one can do better. */
  ofLeader(patience: Patience): Aside
  /** Of a standby: it does not bid while it sees nothing. */
  ofStandby(patience: Patience): Aside
  /** Resolves when it is able to act, or alone; rejects with the signal's reason. */
  regained(patience: Patience, signal: AbortSignal): Promise<void>
}

function owes(owedMs: number): string {
  return `the Docker daemon has not answered for ${Math.floor(owedMs / 1_000)} s`
}

export function sightOf({ clock, peers, answers, troubles }: SightParts): Sight {
  const blindness = () =>
    troubles().find((trouble) => trouble !== undefined && BLINDING.has(trouble.type))

  /** Looks again and again for a reason to step aside. */
  function watch(reason: () => string | undefined): Aside {
    const aside = new AbortController()
    function look(): void {
      const why = reason()
      if (why === undefined) timer = clock.timer(LOOK_MS, look)
      else aside.abort(new StepsAside(`another replica may lead while this one can not: ${why}`))
    }
    let timer = clock.timer(LOOK_MS, look)
    return { signal: aside.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }

  function standbysReason({ dockerMs }: Patience): string | undefined {
    if (!peers.hasOthers()) return undefined
    const owedMs = answers.owedMs()
    return owedMs >= dockerMs * STANDBY_SHARE ? owes(owedMs) : blindness()?.message
  }

  return {
    ofLeader({ troubleMs, dockerMs }) {
      /** Monotonic ms of the first look that met it: what conditions say is by a clock that may be set. */
      let blindSince: number | undefined
      return watch(() => {
        const owedMs = answers.owedMs()
        // Well after it began here: what hangs for everybody hangs no less elsewhere.
        if (owedMs >= dockerMs && peers.seeDocker(owedMs / 2)) return owes(owedMs)
        const trouble = blindness()
        blindSince = trouble && (blindSince ?? clock.monotonic())
        const blindMs = clock.monotonic() - (blindSince ?? clock.monotonic())
        if (trouble === undefined || blindMs < troubleMs) return undefined
        const canOther =
          trouble.type === 'DockerUnreachable' ? peers.seeDocker(blindMs / 2) : peers.hasOthers()
        return canOther ? trouble.message : undefined
      })
    },
    ofStandby: (patience) => watch(() => standbysReason(patience)),
    async regained(patience, signal) {
      while (standbysReason(patience) !== undefined) await clock.sleep(LOOK_MS, signal)
    },
  }
}
