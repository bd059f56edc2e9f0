import type { Controller, PlanPreview } from '../api/controller.ts'
import type { Docker } from '../docker/port.ts'
import { engineTemplate } from '../engine/template.ts'
import type { LeaseSource } from '../lease/lease.ts'
import type { DesiredFleet } from '../spec/decision.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import { concerns } from './concerns.ts'
import { type FleetController, makeFleetController } from './fleet-controller.ts'
import { leadForever } from './leadership.ts'
import { preview } from './preview.ts'
import { makeQueue } from './queue.ts'
import type { RulingSpec } from './reconcile.ts'
import { startWatch, type Watch, type WatchParts } from './watch.ts'

export interface FleetsParts extends WatchParts {
  readonly docker: Docker
  readonly store: Store
  readonly leases: LeaseSource
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
  readonly newReconcileId: () => string
  readonly holder: string
  /** Twice a Docker call's timeout, ms. */
  readonly patienceMs: number
}

/** All fleets that this process looks after. */
export interface Fleets
  extends AsyncDisposable,
    Pick<Controller, 'wake' | 'plan' | 'declaredIn' | 'trouble'> {
  /** What is to run from now on. A fleet that is no longer among them is let be: its engines run on, unwatched. */
  rule(fleets: readonly DesiredFleet[]): Promise<void>
  /** Has every fleet looked at. */
  wakeAll(): void
  /** Follows Docker's events as wake-ups until aborted. */
  followEvents(signal: AbortSignal): Promise<void>
  troubles(): readonly string[]
}

/** One fleet under control, and what ends with it. */
interface Member {
  readonly controller: FleetController
  readonly watch: Watch
  readonly leaving: AbortController
  readonly leading: Promise<void>
  desired: DesiredFleet
}

function rulingSpec(desired: DesiredFleet): RulingSpec {
  const { fleet, generation, hash, conditions } = desired
  return { fleet, generation, hash, conditions, template: engineTemplate(fleet) }
}

export function makeFleets(parts: FleetsParts): Fleets {
  const { clock, docker, instance } = parts
  const members = new Map<string, Member>()
  const queue = makeQueue({
    clock,
    work: async (name) => members.get(name)?.controller.pass(),
  })

  function join(desired: DesiredFleet): Member {
    const { name } = desired.fleet
    const watch = startWatch(parts, () => queue.wake(name))
    const leaving = new AbortController()
    const controller = makeFleetController(
      {
        ...parts,
        observer: watch.observer,
        wake: () => queue.wake(name),
        wakeAt: (at) => queue.wakeAt(name, at),
        onDeleted: () => void leave(name),
      },
      rulingSpec(desired),
    )
    const leading = leadForever({ ...parts, fleet: name, controller }, leaving.signal)
    return { controller, watch, leaving, leading, desired }
  }

  async function leave(name: string): Promise<void> {
    const member = members.get(name)
    if (member === undefined) return
    members.delete(name)
    member.leaving.abort(new Error(`fleet ${name} is let go`))
    await member.controller[Symbol.asyncDispose]()
    await queue.remove(name)
    await member.leading
    await member.watch[Symbol.asyncDispose]()
  }

  return {
    async rule(fleets) {
      const wanted = new Map(fleets.map((each) => [each.fleet.name, each]))
      for (const name of members.keys()) if (!wanted.has(name)) await leave(name)
      for (const [name, desired] of wanted) {
        const member = members.get(name)
        if (member === undefined) {
          members.set(name, join(desired))
          // Not earlier: a pass begins in the very tick of its wake-up, and finds members only.
          queue.wake(name)
        } else {
          member.desired = desired
          member.controller.rule(rulingSpec(desired))
        }
      }
    },
    wake: (name) => {
      if (members.has(name)) queue.wake(name)
    },
    wakeAll: () => {
      for (const name of members.keys()) queue.wake(name)
    },
    async plan(name, signal): Promise<PlanPreview | undefined> {
      const member = members.get(name)
      if (member === undefined) return undefined
      return await preview(
        { ...parts, observer: member.watch.observer },
        member.controller.spec(),
        signal,
      )
    },
    declaredIn: (name) => members.get(name)?.desired.declaredIn,
    async followEvents(signal) {
      for await (const event of docker.events(signal)) {
        for (const [name, member] of members)
          if (event === 'connected') queue.wake(name)
          else if (concerns(event, member.desired.fleet, instance)) {
            member.watch.observer.hear(event)
            queue.wake(name)
          }
      }
    },
    trouble: (name) => members.get(name)?.controller.trouble(),
    troubles: () =>
      [...members].flatMap(([name, { controller }]) => {
        const trouble = controller.trouble()
        return trouble === undefined ? [] : [`${name}: ${trouble.message}`]
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...members.keys()].map(leave))
      await queue[Symbol.asyncDispose]()
    },
  }
}
