import { StoreUnavailable } from '../store/errors.ts'
import type { AcceptedSpec, Glance, Replica, Store } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import { decideSpecs, type Outvoted, type SpecDecision } from './decision.ts'
import type { SpecProblem } from './problem.ts'
import { makeProposals, type Proposals } from './proposals.ts'
import type { SpecSnapshot } from './source.ts'
import { makeSpecMemory, type SpecMemory } from './spec-memory.ts'

/** The part of the store that remembers specs. */
export type SpecStore = Pick<
  Store,
  'acceptedSpecs' | 'generationsOf' | 'acceptSpec' | 'readFleet' | 'addRequest'
>

/** What is around this process when it decides. */
export interface Around extends Pick<Glance, 'incarnation'> {
  /** The other replicas that live. */
  readonly others: readonly Pick<Replica, 'declares'>[]
}

/** What is to run from now on. */
export interface Acceptance extends Pick<SpecDecision, 'fleets' | 'unreadable'> {
  /** Generations that this very call has added. */
  readonly accepted: readonly AcceptedSpec[]
  /** Generations that the store had forgotten, and that this very call has brought back. */
  readonly broughtBack: readonly AcceptedSpec[]
  /** Files of this process that do not rule because other replicas declare what does. */
  readonly outvoted: readonly Outvoted[]
  /** Everything wrong with the files, beside what already runs included. */
  readonly problems: readonly SpecProblem[]
}

/** Turns snapshots of the spec files into generations in the store. */
export interface SpecAcceptor {
  /**
   * Decides on the newest snapshot and keeps what it accepts. May be repeated with the same snapshot at any time, to
   * retry after an error or to see what another process has accepted; an edit stays an edit until it is decided on.
   * @throws {StoreUnavailable} and has forgotten nothing.
   * @throws {StoreTooYoung} before the first decision.
   */
  apply(snapshot: SpecSnapshot): Promise<Acceptance>
}

/** Thrown when a store has only just begun, and replicas that know what ruled may still tell it. Ask again. */
export class StoreTooYoung extends Error {
  override readonly name = 'StoreTooYoung'
  readonly code = 'ACE_STORE_TOO_YOUNG'
  readonly waitMs: number

  constructor(waitMs: number) {
    super('the store has just begun: replicas that know what ruled before may still tell it')
    this.waitMs = waitMs
  }
}

export interface AcceptorParts {
  readonly store: SpecStore
  /** How long a process that knows nothing leaves a store that has just begun to others, ms; 0 where there are none. */
  readonly patienceMs: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** Asked after the accepted specs have been read: what is gone while the incarnation is the same was deleted. */
  readonly lookAround: () => Promise<Around>
}

/** Each lost race means that another process has accepted something; so many in a row are no race any more. */
const MAX_RACES = 10

export function makeSpecAcceptor(parts: AcceptorParts): SpecAcceptor {
  const { store, clock, lookAround, patienceMs } = parts
  const proposals = makeProposals(clock)
  const memory = makeSpecMemory()
  let latest: SpecSnapshot | undefined
  let hasDecided = false

  /** A file must not become the first generation while others are about to say which one it was. */
  async function waitForOthers(
    { fleets }: SpecSnapshot,
    accepted: ReadonlyMap<string, AcceptedSpec>,
  ): Promise<void> {
    const unknown = fleets.find(({ fleet }) => !accepted.has(fleet.name))
    if (hasDecided || patienceMs === 0 || unknown === undefined) return
    const { bornAt } = await store.readFleet(unknown.fleet.name, clock.now())
    const waitMs = bornAt + patienceMs - clock.now()
    if (waitMs > 0) throw new StoreTooYoung(Math.min(waitMs, patienceMs))
  }

  /** Undefined when another process came in between. */
  async function attempt(
    snapshot: SpecSnapshot,
    broughtBack: AcceptedSpec[],
    added: AcceptedSpec[],
  ): Promise<SpecDecision | undefined> {
    const accepted = new Map((await store.acceptedSpecs()).map((spec) => [spec.fleet, spec]))
    const { incarnation, others } = await lookAround()
    if (await bringBack(store, memory, accepted, incarnation, broughtBack)) return undefined
    await waitForOthers(snapshot, accepted)
    const generations = await earlierGenerations(store, snapshot, accepted)
    const { edits, isFresh } = proposals
    const elsewhere = declaredHashes(others)
    const now = clock.now()
    const input = { snapshot, accepted, generations, edits, isFresh, elsewhere, now }
    const decision = decideSpecs(input)
    if (!(await acceptAll(store, decision.accept, added))) return undefined
    for (const spec of decision.accept) accepted.set(spec.fleet, spec)
    memory.keep(accepted, incarnation, await dyingFleets(store, decision, now))
    settle(proposals, snapshot, decision, { accepted, generations })
    hasDecided = true
    return decision
  }

  return {
    apply: async (snapshot) => {
      if (snapshot !== latest) proposals.note(snapshot)
      latest = snapshot
      const [broughtBack, added]: [AcceptedSpec[], AcceptedSpec[]] = [[], []]
      for (let race = 0; race < MAX_RACES; race++) {
        const decision = await attempt(snapshot, broughtBack, added)
        if (decision === undefined) continue
        const { fleets, unreadable, outvoted } = decision
        const problems = [...snapshot.problems, ...decision.problems]
        return { fleets, unreadable, outvoted, problems, broughtBack, accepted: added }
      }
      throw new StoreUnavailable(`specs were accepted elsewhere ${MAX_RACES} times in a row`)
    },
  }
}

/** Tells the store what it has forgotten, before any file is considered. True when there was something. */
async function bringBack(
  store: SpecStore,
  memory: SpecMemory,
  accepted: ReadonlyMap<string, AcceptedSpec>,
  incarnation: string,
  broughtBack: AcceptedSpec[],
): Promise<boolean> {
  const forgotten = memory.forgotten(accepted, incarnation)
  for (const { spec, isDying } of forgotten) {
    if (isDying) await store.addRequest(spec.fleet, { kind: 'delete' })
    // Where another replica was faster, it has brought back what ruled there too.
    if (await store.acceptSpec(spec)) broughtBack.push(spec)
  }
  return forgotten.length > 0
}

/** By fleet, the generations that had the hash which its file has now, where that is another than what rules. */
async function earlierGenerations(
  store: SpecStore,
  snapshot: SpecSnapshot,
  accepted: ReadonlyMap<string, AcceptedSpec>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const changed = snapshot.fleets.filter(({ fleet, hash }) => {
    const hashNow = accepted.get(fleet.name)?.hash
    return hashNow !== undefined && hashNow !== hash
  })
  const found = changed.map(async ({ fleet, hash }): Promise<[string, readonly number[]]> => {
    return [fleet.name, await store.generationsOf(fleet.name, hash)]
  })
  return new Map(await Promise.all(found))
}

function declaredHashes(others: Around['others']): ReadonlyMap<string, ReadonlySet<string>> {
  const hashes = new Map<string, Set<string>>()
  for (const { declares } of others)
    for (const [fleet, { hash }] of Object.entries(declares))
      hashes.set(fleet, (hashes.get(fleet) ?? new Set()).add(hash))
  return hashes
}

/** Fleets whose deletion was asked for; only what no file declares can be among them. */
async function dyingFleets(
  store: SpecStore,
  { fleets }: SpecDecision,
  now: number,
): Promise<ReadonlySet<string>> {
  const orphans = fleets.filter(({ declaredIn }) => declaredIn === undefined)
  const dying = orphans.map(async ({ fleet: { name } }) => {
    const { requests } = await store.readFleet(name, now)
    return requests.some(({ kind }) => kind === 'delete') ? [name] : []
  })
  return new Set((await Promise.all(dying)).flat())
}

interface Ruling {
  readonly accepted: ReadonlyMap<string, AcceptedSpec>
  readonly generations: ReadonlyMap<string, readonly number[]>
}

/** What has been decided on needs no decision again; only what a clash refuses waits for better times. */
function settle(
  proposals: Proposals,
  snapshot: SpecSnapshot,
  { outvoted }: SpecDecision,
  { accepted, generations }: Ruling,
): void {
  for (const candidate of snapshot.fleets) {
    const { name } = candidate.fleet
    if (accepted.get(name)?.hash === candidate.hash) proposals.ruled(candidate)
    else if ((generations.get(name) ?? []).length > 0) proposals.hasRuled(candidate)
  }
  for (const { candidate } of outvoted) proposals.outvoted(candidate)
}

/** False when another process has added a generation in between; `added` holds what went in all the same. */
async function acceptAll(
  store: SpecStore,
  specs: readonly AcceptedSpec[],
  added: AcceptedSpec[],
): Promise<boolean> {
  for (const spec of specs) {
    if (!(await store.acceptSpec(spec))) return false
    added.push(spec)
  }
  return true
}
