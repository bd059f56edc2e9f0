import type { Controller, PlanPreview } from '../api/controller.ts'
import type { Docker } from '../docker/port.ts'
import { engineTemplate } from '../engine/template.ts'
import type { LeaseSource } from '../lease/lease.ts'
import type { Observer } from '../observe/observer.ts'
import type { DesiredFleet } from '../spec/decision.ts'
import type { Replica, Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Pass } from '../telemetry/metrics.ts'
import type { RestartVpn } from '../vpn/restart-vpn.ts'
import { concerns } from './concerns.ts'
import { watchAnswers } from './docker-answers.ts'
import { type FleetController, makeFleetController } from './fleet-controller.ts'
import { type Leadership, makeLeadership } from './leadership.ts'
import { NO_PEERS, type Peers } from './peers.ts'
import { preview } from './preview.ts'
import { makeQueue } from './queue.ts'
import type { RulingSpec } from './reconcile.ts'
import { startWatch, type Watch, type WatchParts } from './watch.ts'

/** How often Docker is asked within the time for which a leader waits for it. */
const ASKS = 6

export interface FleetsParts extends WatchParts {
  readonly docker: Docker
  readonly store: Store
  readonly leases: LeaseSource
  readonly record: (event: NewFleetEvent) => void
  readonly log: Logger
  readonly newReconcileId: () => string
  readonly holder: string
  readonly restartVpn: RestartVpn
  /** Twice a Docker call's timeout, ms. */
  readonly patienceMs: number
  /** The other replicas, where there may be some. */
  readonly peers?: Peers | undefined
  /** Told of every pass when it is over, those of a standby included. */
  readonly onPass?: ((pass: Pass) => void) | undefined
}

/** All fleets that this process looks after. */
export interface Fleets
  extends AsyncDisposable,
    Pick<Controller, 'wake' | 'plan' | 'declaredIn' | 'trouble'> {
  /** What is to run from now on. A fleet that is no longer among them is let be: its engines run on, unwatched. */
  rule(fleets: readonly DesiredFleet[]): Promise<void>
  /** Hashes of the specs that rule, by fleet. */
  ruling(): ReadonlyMap<string, string>
  /** Has every fleet looked at. */
  wakeAll(): void
  /** Has every fleet looked at with what the replicas say of it now. */
  reconsider(): void
  /** The terms that this process serves. */
  leads(): Replica['leads']
  /**
   * Resolves when aborted and every lease has been given back.
   * @throws {TermStuck} when a term does not let go: then the process must end.
   */
  serve(signal: AbortSignal): Promise<void>
  /** Follows Docker's events as wake-ups until aborted. */
  followEvents(signal: AbortSignal): Promise<void>
  /** Asks Docker now and then, where others could lead instead, so that one that hangs is noticed. Until aborted. */
  askDocker(signal: AbortSignal): Promise<void>
  /** How long ago Docker answered this process, ms; null before it ever did. */
  dockerAgoMs(): number | null
  troubles(): readonly string[]
}

/** One fleet under control, and what ends with it. */
interface Member {
  readonly controller: FleetController
  readonly watch: Watch
  readonly leaving: AbortController
  readonly leadership: Leadership
  readonly leading: Promise<void>
  desired: DesiredFleet
}

/** An observer that tells of every epoch that it meets. */
function tellingEpochs(observer: Observer, onEpoch: (epoch: number) => void): Observer {
  return {
    ...observer,
    async observe(...look) {
      const observation = await observer.observe(...look)
      for (const { labels } of observation.engines) onEpoch(labels.epoch)
      return observation
    },
  }
}

export function makeFleets(given: FleetsParts): Fleets {
  const { clock, instance, peers = NO_PEERS } = given
  const answers = watchAnswers(given.docker, clock)
  const { docker } = answers
  const parts = { ...given, docker }
  const stuck = Promise.withResolvers<never>()
  // Heard by whoever serves; also what comes before or after that must not end the process by itself.
  stuck.promise.catch(() => {})
  const members = new Map<string, Member>()
  const queue = makeQueue({ clock, work: pass })

  async function pass(name: string): Promise<void> {
    const controller = members.get(name)?.controller
    if (controller === undefined) return
    const begunAt = clock.monotonic()
    await controller.pass()
    const durationMs = clock.monotonic() - begunAt
    parts.onPass?.({ fleet: name, durationMs, failed: controller.trouble() !== undefined })
  }

  function rulingSpec({ fleet, generation, hash, ...desired }: DesiredFleet): RulingSpec {
    const conditions = [...desired.conditions, ...peers.conditions(fleet.name)]
    return { fleet, generation, hash, conditions, template: engineTemplate(fleet) }
  }

  function join(desired: DesiredFleet): Member {
    const { name } = desired.fleet
    const watch = startWatch(parts, () => queue.wake(name))
    const leaving = new AbortController()
    let largestLabel = 0
    const observer = tellingEpochs(watch.observer, (epoch) => {
      largestLabel = Math.max(largestLabel, epoch)
    })
    const controller = makeFleetController(
      {
        ...parts,
        observer,
        wake: () => queue.wake(name),
        wakeAt: (at) => queue.wakeAt(name, at),
        onDeleted: () => void leave(name).catch(stuck.reject),
      },
      rulingSpec(desired),
    )
    const leadership = makeLeadership({
      ...parts,
      fleet: name,
      ...{ controller, answers, peers },
      largestSeen: () => Math.max(largestLabel, peers.largestEpoch(name)),
    })
    const leading = leadership.serve(leaving.signal)
    leading.catch(stuck.reject)
    return { controller, watch, leaving, leadership, leading, desired }
  }

  async function leave(name: string): Promise<void> {
    const member = members.get(name)
    if (member === undefined) return
    members.delete(name)
    member.leaving.abort(new Error(`fleet ${name} is let go`))
    // Together: the lease is given back as soon as the term has let go, whatever a pass still waits for.
    await Promise.all([
      member.leading,
      member.controller[Symbol.asyncDispose](),
      queue.remove(name),
    ])
    await member.watch[Symbol.asyncDispose]()
  }

  async function leaveAll(): Promise<void> {
    await Promise.all([...members.keys()].map(leave))
  }

  function troubleOf({ controller, leadership }: Member) {
    return controller.trouble() ?? leadership.trouble()
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
    ruling: () => new Map([...members].map(([name, { desired }]) => [name, desired.hash])),
    wakeAll: () => {
      for (const name of members.keys()) queue.wake(name)
    },
    reconsider() {
      for (const { controller, desired } of members.values()) controller.rule(rulingSpec(desired))
    },
    leads: () =>
      Object.fromEntries(
        [...members].flatMap(([name, { leadership }]) => {
          const held = leadership.held()
          return held === undefined ? [] : [[name, held]]
        }),
      ),
    async serve(signal) {
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) return resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      await Promise.race([aborted, stuck.promise])
      await leaveAll()
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
    async askDocker(signal) {
      const { dockerMs } = peers.patience
      if (Number.isFinite(dockerMs)) await answers.ask(dockerMs / ASKS, signal)
    },
    dockerAgoMs: answers.agoMs,
    trouble(name) {
      const member = members.get(name)
      return member === undefined ? undefined : troubleOf(member)
    },
    troubles: () =>
      [...members].flatMap(([name, member]) => {
        const trouble = troubleOf(member)
        return trouble === undefined ? [] : [`${name}: ${trouble.message}`]
      }),
    async [Symbol.asyncDispose]() {
      // What is stuck has been told of: nothing can be waited for any more.
      await leaveAll().catch(() => {})
      await queue[Symbol.asyncDispose]()
    },
  }
}
