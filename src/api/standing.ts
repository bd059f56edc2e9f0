import type { Gateway } from '../gateway/gateway.ts'
import type { Measures } from '../telemetry/gauges.ts'
import { type Catalog, readCatalog } from './catalog.ts'
import type { Controller } from './controller.ts'
import { fleetView } from './fleet-view.ts'
import { storeReason } from './problem.ts'
import type { RememberedReads } from './remembered-reads.ts'

export interface StandingParts {
  readonly reads: RememberedReads
  readonly control: Controller
  /** Undefined where this process serves no streams. */
  readonly gateway: Pick<Gateway, 'standing'> | undefined
}

/** How this process and its fleets stand. */
export interface Standing {
  readonly ready: boolean
  readonly reasons: readonly string[]
  /** Every fleet that this process knows of, in order. */
  readonly fleets: readonly string[]
  readonly measures: Measures
}

const NOTHING: Catalog = {
  fleets: [],
  statuses: new Map(),
  specs: new Map(),
  engines: [],
  vpns: [],
}

/** Fleets as the store told them, or where it never did, as replicas declare and lead them. */
function fleetsOf(catalog: Catalog, control: StandingParts['control']): readonly string[] {
  if (catalog.fleets.length > 0) return catalog.fleets
  const told = control
    .replicas()
    .flatMap(({ leads, declares }) => [...leads, ...Object.keys(declares)])
  return [...new Set(told)].sort()
}

/** Never rejects for a store that is away: that is one of the things to tell. */
export async function readStanding({ reads, control, gateway }: StandingParts): Promise<Standing> {
  const reading = reads.begin()
  let failure: string | undefined
  const catalog = await readCatalog(reading).catch((error: unknown) => {
    failure = storeReason(error)
    return NOTHING
  })
  const staleness = reading.staleness()
  const away = staleness?.reason ?? failure
  const { ready, reasons } = control.readiness()
  const isReady = ready && away === undefined
  const isTold = away === undefined || reasons.some((reason) => reason.includes(away))
  const fleets = fleetsOf(catalog, control)
  return {
    ready: isReady,
    reasons: isTold ? reasons : [...reasons, `store: ${away}`],
    fleets,
    measures: {
      mode: control.mode,
      ready: isReady,
      storeUp: away === undefined,
      storeAgeMs: failure === undefined ? (staleness?.ageMs ?? 0) : undefined,
      replicas: control.replicas().length,
      gateway: gateway?.standing(),
      fleets: fleets.map((name) => {
        const status = catalog.statuses.get(name)
        const leadership = control.leadership(name)
        const trouble = control.trouble(name)
        const spec = catalog.specs.get(name)
        const { conditions } = fleetView({ name, status, spec, leadership, trouble, staleness })
        return { name, status, leader: leadership, conditions }
      }),
    },
  }
}
