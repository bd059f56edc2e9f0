import { Hono } from 'hono'
import type { Metrics } from '../telemetry/metrics.ts'
import { leadView } from './fleet-view.ts'
import { readStanding, type StandingParts } from './standing.ts'

export interface HealthParts extends StandingParts {
  readonly metrics: Pick<Metrics, 'print'>
}

/** Who leads a fleet, as `/readyz` tells it. */
export interface FleetLeader {
  readonly fleet: string
  /** Null when nobody leads. */
  readonly leader: string | null
  readonly epoch: number | null
  readonly leaseMs: number | null
  /** Whether it is the process that answers. */
  readonly isSelf: boolean
}

/** `/healthz`, `/readyz` and `/metrics`: for supervisors, load balancers and Prometheus. */
export function makeHealth(parts: HealthParts): Hono {
  const { control, metrics } = parts
  const app = new Hono()
  const leaderOf = (fleet: string): FleetLeader => {
    const { leading: isSelf, ...lead } = leadView(control.leadership(fleet))
    return { fleet, ...lead, isSelf }
  }

  // Liveness: this very answer. Anything more would have a supervisor restart us for Docker's faults.
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const { ready, reasons, fleets } = await readStanding(parts)
    const body = {
      ...{ ready, reasons, mode: control.mode },
      fleets: fleets.map(leaderOf),
      replicas: control.replicas().map(({ holder, leads, agoMs }) => ({ holder, leads, agoMs })),
    }
    return c.json(body, ready ? 200 : 503)
  })
  app.get('/metrics', async (c) => {
    const { measures } = await readStanding(parts)
    const { text, contentType } = await metrics.print(measures)
    return c.body(text, 200, { 'Content-Type': contentType })
  })
  return app
}
