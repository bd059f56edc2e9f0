import type { Controller } from '../api/controller.ts'
import type { Condition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'
import type { Fleets } from './fleets.ts'
import type { Replicas } from './replicas.ts'
import type { SpecsFollower } from './specs.ts'

export interface ControllerParts {
  readonly mode: Controller['mode']
  readonly fleets: Pick<Fleets, 'wake' | 'plan' | 'declaredIn' | 'trouble' | 'troubles' | 'ruling'>
  readonly specs: Pick<SpecsFollower, 'troubles'>
  readonly replicas: Pick<Replicas, 'views' | 'leadership' | 'declaredElsewhere' | 'trouble'>
  /** Why no lease can be had or kept at the moment. */
  readonly leaseTrouble: () => string | undefined
  readonly clock: Pick<Clock, 'now'>
  /** Aborted when the process is about to end. */
  readonly closing: AbortSignal
}

/** The loops, as the API sees them. */
export function makeController(parts: ControllerParts): Controller {
  const { fleets, specs, replicas, clock, closing } = parts
  /** By fleet, since when nobody can lead it. */
  const leaderless = new Map<string, number>()

  /** That a leader's servers are away is no trouble of its fleet until its lease is over. */
  function leaseTrouble(fleet: string): Condition | undefined {
    const why = parts.leaseTrouble()
    if (
      why === undefined ||
      replicas.leadership(fleet) !== undefined ||
      !fleets.ruling().has(fleet)
    ) {
      leaderless.delete(fleet)
      return undefined
    }
    const since = leaderless.get(fleet) ?? clock.now()
    leaderless.set(fleet, since)
    const message = `nobody can lead the fleet: ${why}; engines run on, and nothing is changed until they answer: start them, or mend the way there`
    return { type: 'LeaseUnavailable', status: 'True', reason: 'LeaseServersAway', message, since }
  }

  return {
    mode: parts.mode,
    wake: fleets.wake,
    plan: fleets.plan,
    declaredIn: (fleet) => fleets.declaredIn(fleet) ?? replicas.declaredElsewhere(fleet),
    trouble: (fleet) => fleets.trouble(fleet) ?? leaseTrouble(fleet),
    leadership: replicas.leadership,
    replicas: replicas.views,
    readiness() {
      const away = [replicas.trouble(), parts.leaseTrouble()].filter((each) => each !== undefined)
      // First of all: a load balancer is to send nobody here any more.
      if (closing.aborted) return { ready: false, reasons: ['it is stopping'] }
      const reasons = [...new Set([...specs.troubles(), ...away, ...fleets.troubles()])]
      return { ready: reasons.length === 0, reasons }
    },
  }
}
