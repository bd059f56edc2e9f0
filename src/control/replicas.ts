import type { LeaderView, ReplicaView } from '../api/controller.ts'
import type { Around } from '../spec/acceptance.ts'
import type { Glance, Replica, Store } from '../store/store.ts'
import { REPLICA_TTL_MS } from '../store/store.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'

/** From one announcement to the next, ms: a request that was made elsewhere waits no longer for its leader. */
const ANNOUNCE_MS = 1_000

export interface ReplicasParts {
  readonly store: Pick<Store, 'announce'>
  readonly clock: Clock
  readonly log: Logger
  /** Unique among replicas. */
  readonly holder: string
  /** Unix ms. */
  readonly startedAt: number
  /** Whether this process leads nothing, whatever happens: then it is no replica to the others. */
  readonly isOnlooker?: boolean
  /** How this process keeps leases. */
  readonly lease: Replica['lease']
  readonly declares: () => Replica['declares']
  readonly leads: () => Replica['leads']
  readonly dockerAgoMs: () => Replica['dockerAgoMs']
  /** Somebody has changed what all replicas go by, the store has forgotten, is back, or somebody came or went. */
  readonly onChange: () => void
  /** The store has stopped answering. */
  readonly onAway: () => void
  /** Something was heard, changed or not. */
  readonly onGlance: (glance: Glance) => void
}

/** This process among its like: tells them of itself, and keeps what they told last. */
export interface Replicas {
  /** Announces until aborted. */
  follow(signal: AbortSignal): Promise<void>
  /** Announces now, and answers what has come of it. @throws {StoreUnavailable} */
  lookAround(): Promise<Around>
  /** Tells the others that this process leads and declares nothing any more. Never rejects. */
  leave(): Promise<void>
  /** Why nothing is heard of the others; undefined while something is. */
  trouble(): string | undefined
  /** The others that live, as far as was heard; while the store is away those that lived before. */
  others(): readonly Replica[]
  /** Every replica, this one included if it is one, by name. */
  views(): readonly ReplicaView[]
  leadership(fleet: string): LeaderView | undefined
  /** Where the others' files declare a fleet: `specs/demo.yaml:3 of nas:1`. */
  declaredElsewhere(fleet: string): string | undefined
  /** The largest epoch of a fleet that was ever told of; 0 for none. */
  largestEpoch(fleet: string): number
  /** Whether Docker has answered another one within this time, ms, as far as it has told. */
  seeDocker(withinMs: number): boolean
}

interface Heard {
  readonly glance: Glance
  /** Monotonic ms at which it was asked for. */
  readonly at: number
}

/** What must be the same in two glances for nothing to have happened. */
function gistOf({ incarnation, revision, replicas }: Glance): string {
  const declared = replicas.map(({ holder, declares }) => [
    holder,
    Object.entries(declares).map(([fleet, { hash }]) => [fleet, hash]),
  ])
  return JSON.stringify([incarnation, revision, declared.sort()])
}

export function makeReplicas(parts: ReplicasParts): Replicas {
  const { store, clock, log, holder, startedAt, declares, leads, isOnlooker = false } = parts
  const epochs = new Map<string, number>()
  let heard: Heard | undefined
  let gist = ''
  /** What was said of the store's absence; undefined while it answers. */
  let away: string | undefined

  function met(fleet: string, epoch: number): void {
    epochs.set(fleet, Math.max(epochs.get(fleet) ?? 0, epoch))
  }

  function hear(glance: Glance, at: number): void {
    // Two may be under way at once; the later question has the later answer.
    if (heard !== undefined && heard.at > at) return
    heard = { glance, at }
    for (const [fleet, epoch] of glance.epochs) met(fleet, epoch)
    for (const replica of glance.replicas)
      for (const [fleet, { epoch }] of Object.entries(replica.leads)) met(fleet, epoch)
    parts.onGlance(glance)
    const before = gist
    gist = gistOf(glance)
    if (before !== '' && before !== gist) parts.onChange()
  }

  const self = (): Replica => ({
    ...{ holder, startedAt, declares: declares(), leads: leads() },
    dockerAgoMs: parts.dockerAgoMs(),
    lease: parts.lease,
    ...(isOnlooker && { isOnlooker }),
  })

  async function announce(): Promise<Glance> {
    const at = clock.monotonic()
    const { replicas, ...told } = await store.announce(self())
    const glance = { ...told, replicas: replicas.filter((each) => !each.isOnlooker) }
    hear(glance, at)
    return glance
  }

  async function tick(): Promise<void> {
    try {
      await announce()
      if (away === undefined) return
      away = undefined
      log.info({ reason: 'StoreBack' }, 'the store answers again')
      // Passes that wait for it need not wait any longer.
      parts.onChange()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const isNews = away === undefined
      if (message !== away) log.warn({ reason: 'StoreUnavailable' }, message)
      away = message
      // Passes find out, and say so, at once.
      if (isNews) parts.onAway()
    }
  }

  /** The others, and how long ago each was heard of by now, ms. */
  function othersAged(): readonly { readonly replica: Replica; readonly agoMs: number }[] {
    if (heard === undefined) return []
    const since = clock.monotonic() - heard.at
    return heard.glance.replicas
      .filter((replica) => replica.holder !== holder)
      .map((replica) => ({ replica, agoMs: replica.agoMs + since }))
  }

  const view = ({ holder, startedAt, declares, leads }: Replica, agoMs: number): ReplicaView => ({
    ...{ holder, startedAt, declares, agoMs: Math.round(agoMs), leads: Object.keys(leads).sort() },
  })

  return {
    async lookAround() {
      const { incarnation, replicas } = await announce()
      return { incarnation, others: replicas.filter((each) => each.holder !== holder) }
    },
    async follow(signal) {
      while (!signal.aborted) {
        await tick()
        await clock.sleep(ANNOUNCE_MS, signal).catch(() => {})
      }
    },
    async leave() {
      await store.announce({ ...self(), declares: {}, leads: {} }).catch(() => {})
    },
    trouble: () => away,
    others: () => othersAged().map(({ replica }) => replica),
    views() {
      const own = isOnlooker ? [] : [view(self(), 0)]
      const others = othersAged().filter(({ agoMs }) => agoMs <= REPLICA_TTL_MS)
      return [...own, ...others.map(({ replica, agoMs }) => view(replica, agoMs))].sort((a, b) =>
        a.holder < b.holder ? -1 : 1,
      )
    },
    leadership(fleet) {
      const own = leads()[fleet]
      const claims = othersAged().flatMap(({ replica, agoMs }): LeaderView[] => {
        const lead = replica.leads[fleet]
        if (lead === undefined) return []
        const leaseMs = lead.leaseMs === null ? null : Math.round(lead.leaseMs - agoMs)
        const isOver = leaseMs === null ? agoMs > REPLICA_TTL_MS : leaseMs <= 0
        const { epoch } = lead
        return isOver ? [] : [{ holder: replica.holder, epoch, leaseMs, isSelf: false }]
      })
      if (own !== undefined) claims.push({ holder, ...own, isSelf: true })
      return claims.sort((a, b) => b.epoch - a.epoch)[0]
    },
    declaredElsewhere(fleet) {
      for (const { replica } of othersAged()) {
        const declared = replica.declares[fleet]
        if (declared !== undefined) return `${declared.source} of replica ${replica.holder}`
      }
      return undefined
    },
    largestEpoch: (fleet) => epochs.get(fleet) ?? 0,
    seeDocker: (withinMs) =>
      othersAged().some(
        ({ replica: { dockerAgoMs }, agoMs }) =>
          dockerAgoMs !== null && dockerAgoMs + agoMs <= withinMs,
      ),
  }
}
