import type { FleetView } from '../../src/api/view.ts'
import { printSeconds } from '../../src/cli/age.ts'
import type { Ending } from './child.ts'

/** A replica that the quickstart started. */
export interface Replica {
  /** `replica 1`. */
  readonly name: string
  readonly url: string
  readonly pid: number
}

/** Who leads a fleet. */
export interface Reign {
  readonly pid: number
  readonly epoch: number
}

/** The end of a process that another one's reign may follow from. */
export interface Fall {
  readonly who: string
  readonly ending: Ending
}

/** Container ids by engine name. */
export type Containers = ReadonlyMap<string, string>

/** Who leads, by the number of its process in `host:pid-tail`; undefined while nobody does. */
export function reignOf({ leader, epoch }: FleetView): Reign | undefined {
  const pid = /:(\d+)(?:-[^:]*)?$/.exec(leader ?? '')?.[1]
  return pid === undefined || epoch === null ? undefined : { pid: Number(pid), epoch }
}

/** `replica 2 (process 4712)`. */
function who(pid: number, replicas: readonly Replica[]): string {
  const replica = replicas.find((each) => each.pid === pid)
  return replica === undefined ? `process ${pid}` : `${replica.name} (process ${pid})`
}

/** Who leads a fleet, and for how long unless it renews. */
export function leaderText(fleet: FleetView, replicas: readonly Replica[]): string {
  const reign = reignOf(fleet)
  if (reign === undefined) return `${fleet.name}: nobody leads at the moment`
  const lease = fleet.leaseMs === null ? '' : `, lease ${printSeconds(fleet.leaseMs)} left`
  return `${fleet.name}: ${who(reign.pid, replicas)} leads, epoch ${reign.epoch}${lease}`
}

/** What ended a process. */
export function endText({ code, signal }: Pick<Ending, 'code' | 'signal'>): string {
  return signal === null ? `has ended with code ${code}` : `was ended by ${signal}`
}

/** A replica has ended: what that means for the fleets that it led. */
export function fallText(led: readonly string[]): string {
  if (led.length === 0) return 'It was a standby: nothing else changes.'
  return `It led ${led.join(', ')}: another one leads as soon as its lease is given back or has run out.`
}

/** Somebody else leads, or the same one anew. */
export function successionText(
  fleet: string,
  { before, now }: { readonly before: Reign; readonly now: Reign },
  replicas: readonly Replica[],
  fall: Fall | undefined,
  atMs: number,
): string {
  const again = before.pid === now.pid ? ' again' : ''
  const after =
    fall === undefined
      ? ''
      : `, ${printSeconds(atMs - fall.ending.atMs)} after ${fall.who} ${endText(fall.ending)}`
  return `${who(now.pid, replicas)} leads ${fleet}${again}, epoch ${now.epoch} (before: ${before.epoch})${after}`
}

/** Whether engines run on in the containers that they were in. */
export function containersText(before: Containers, now: Containers): string {
  const changed = [...before].filter(([name, id]) => now.get(name) !== id).map(([name]) => name)
  if (changed.length === 0) return `All ${before.size} engines run on, in the same containers.`
  return `${before.size - changed.length} of ${before.size} engines run on in the same containers; not so: ${changed.join(', ')}.`
}
