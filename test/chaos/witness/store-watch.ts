import type { Facts } from '../judge/facts.ts'
import type { MonitoredCommand } from './monitor-line.ts'

/** What the replicas last told of themselves, by holder. */
export interface Claim {
  readonly at: number
  /** Under which epoch it leads the fleet; undefined when it does not. */
  readonly epoch: number | undefined
}

/** Reads out of the commands on the data server what its keys mean: the store's format is the only thing it knows. */
export interface StoreWatch {
  hear(command: MonitoredCommand): void
  claims(): ReadonlyMap<string, Claim>
}

/** Writes of terms by those who find the store to have forgotten. */
const ADOPTED = 'unknown'

export function watchStore(facts: Facts, instance: string, fleet: string): StoreWatch {
  const prefix = `acefleet:${instance}:`
  const claims = new Map<string, Claim>()
  let opened: number | undefined

  function mark(at: number, id: string, text: string): void {
    const { kind, deadlineAt, epoch } = JSON.parse(text) as Record<string, string>
    facts.marks.push({
      ...{ at, id, epoch: Number(epoch) },
      kind: kind === 'failed' ? 'failed' : 'draining',
      deadlineAt: Number(deadlineAt),
    })
    facts.writes.push({ at, what: 'mark', epoch: Number(epoch) })
  }

  function take(at: number, key: string, field: string, value: string): void {
    if (key === `fleet:${fleet}:marks`) mark(at, field, value)
    if (key === 'replicas') {
      const { leads } = JSON.parse(value) as { leads: Record<string, { epoch: number }> }
      claims.set(field, { at, epoch: leads[fleet]?.epoch })
    }
    if (field !== fleet) return
    if (key === 'epochs') opened = Number(value)
    if (key === 'holders' && opened !== undefined && value !== ADOPTED)
      facts.terms.push({ at, epoch: opened, holder: value })
    if (key === 'statuses') {
      const { epoch } = JSON.parse(value) as { epoch: number }
      facts.writes.push({ at, what: 'status', epoch })
    }
  }

  return {
    hear({ at, name, args }) {
      const [key = '', field = '', value = ''] = args
      if (name === 'hset' && key.startsWith(prefix))
        take(at, key.slice(prefix.length), field, value)
    },
    claims: () => claims,
  }
}
