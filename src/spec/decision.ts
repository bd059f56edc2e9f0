import type { AcceptedSpec } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import { type Claimant, findClashes } from './claims.ts'
import { fleetOf } from './document.ts'
import { checkShape } from './draft.ts'
import type { Fleet } from './fleet.ts'
import type { LoadedFleet, LoadedSpecs } from './load.ts'
import { type Path, printPath, printPlace, type SpecProblem } from './problem.ts'
import { unreadableGeneration, whyKept } from './why-kept.ts'

/** A fleet to run, as its newest accepted generation says. */
export interface DesiredFleet {
  readonly fleet: Fleet
  readonly generation: number
  readonly hash: string
  /** The file that this generation came from. */
  readonly source: string
  /** Where a file declares the fleet now, `specs/demo.yaml:3`; undefined when none does soundly. */
  readonly declaredIn: string | undefined
  readonly conditions: readonly PlannedCondition[]
}

/** A fleet whose newest generation this version can not read: what runs is to be left alone. */
export interface UnreadableFleet {
  readonly name: string
  readonly generation: number
  readonly hash: string
  readonly source: string
  readonly conditions: readonly PlannedCondition[]
}

export interface DecisionInput {
  readonly snapshot: LoadedSpecs
  /** The newest generation of each fleet. */
  readonly accepted: ReadonlyMap<string, AcceptedSpec>
  /** By fleet, the generations that had the hash which its file has now. */
  readonly generations: ReadonlyMap<string, readonly number[]>
  /** By fleet, the hash that a watched edit brought. */
  readonly edits: ReadonlyMap<string, string>
  /** Whether nothing has been decided yet on what the file says. */
  readonly isFresh: (candidate: LoadedFleet) => boolean
  /** By fleet, the hashes that files of other replicas declare. */
  readonly elsewhere: ReadonlyMap<string, ReadonlySet<string>>
  readonly now: number
}

export interface SpecDecision {
  /** As they will stand once `accept` is in the store. */
  readonly fleets: readonly DesiredFleet[]
  readonly unreadable: readonly UnreadableFleet[]
  /** Generations to add. */
  readonly accept: readonly AcceptedSpec[]
  /** Files that would rule if other replicas did not declare what rules. */
  readonly outvoted: readonly Outvoted[]
  /** What is wrong with files only beside the fleets that go on. */
  readonly problems: readonly SpecProblem[]
}

/** A file that says something else than the files of other replicas, and than what rules. */
export interface Outvoted {
  readonly candidate: LoadedFleet
  readonly kept: AcceptedSpec
}

/** One fleet on its way to a decision. */
interface Contender {
  readonly name: string
  readonly candidate: LoadedFleet | undefined
  readonly kept: AcceptedSpec | undefined
  /** Whether the candidate is to become a new generation. */
  readonly isNew: boolean
}

/** What is wrong with a candidate beside fleets that go on, by fleet. */
type Refusals = ReadonlyMap<string, readonly SpecProblem[]>

/**
 * Which generation of each fleet runs. A watched edit of a sound file replaces what was accepted. A file that nobody has
 * just edited does so once, unless it is an earlier generation, or other replicas declare what was accepted: to start
 * with another file is no edit. A broken or missing file replaces nothing.
 */
export function decideSpecs(input: DecisionInput): SpecDecision {
  const candidates = new Map(input.snapshot.fleets.map((each) => [each.fleet.name, each]))
  const names = [...new Set([...input.accepted.keys(), ...candidates.keys()])].sort()
  const contenders = names.map((name): Contender => {
    const candidate = candidates.get(name)
    const kept = input.accepted.get(name)
    return { name, candidate, kept, isNew: candidate !== undefined && wins(candidate, kept, input) }
  })
  const refusals = refuse(contenders)
  const verdicts = contenders.map((each) =>
    judge(refusals.has(each.name) ? { ...each, isNew: false } : each, input, refusals),
  )
  return {
    fleets: verdicts.flatMap(({ fleet }) => fleet ?? []),
    unreadable: verdicts.flatMap(({ unreadable }) => unreadable ?? []),
    accept: verdicts.flatMap(({ accept }) => accept ?? []),
    outvoted: contenders.flatMap(({ candidate, kept }) =>
      candidate !== undefined && kept !== undefined && isOutvoted(candidate, kept, input)
        ? [{ candidate, kept }]
        : [],
    ),
    problems: [...refusals.values()].flat(),
  }
}

function wins(
  candidate: LoadedFleet,
  kept: AcceptedSpec | undefined,
  input: DecisionInput,
): boolean {
  if (kept === undefined) return true
  if (kept.hash === candidate.hash) return false
  if (input.edits.get(candidate.fleet.name) === candidate.hash) return true
  return proposes(candidate, input) && !isOutvoted(candidate, kept, input)
}

/** Whether a file that nobody has just edited has something new to say. */
function proposes(candidate: LoadedFleet, { generations, isFresh }: DecisionInput): boolean {
  const isEarlier = (generations.get(candidate.fleet.name) ?? []).length > 0
  return !isEarlier && isFresh(candidate)
}

function isOutvoted(candidate: LoadedFleet, kept: AcceptedSpec, input: DecisionInput): boolean {
  const { name } = candidate.fleet
  if (kept.hash === candidate.hash || input.edits.get(name) === candidate.hash) return false
  return proposes(candidate, input) && input.elsewhere.get(name)?.has(kept.hash) === true
}

/**
 * Candidates were checked against each other, but not against generations that go on beside a broken or missing file.
 * Each refusal leaves one more generation going on, so it is checked until nothing is refused any more.
 */
function refuse(contenders: readonly Contender[]): Refusals {
  const refusals = new Map<string, SpecProblem[]>()
  for (let before = -1; before < refusals.size; ) {
    before = refusals.size
    const claimants = contenders.flatMap((each) => claimantOf(each, refusals.has(each.name)))
    for (const { claimant, other, finding } of findClashes(claimants)) {
      if (!claimant.isNew || other.isNew || claimant.candidate === undefined) continue
      const { source, place } = claimant.candidate
      const problem: SpecProblem = {
        kind: 'invalid',
        file: source,
        ...place(finding.path),
        path: printPath(finding.path),
        message: finding.message,
        fleet: claimant.name,
      }
      refusals.set(claimant.name, [...(refusals.get(claimant.name) ?? []), problem])
    }
  }
  return refusals
}

function claimantOf(contender: Contender, isRefused: boolean): (Claimant & Contender)[] {
  const { name, candidate, kept } = contender
  const isNew = contender.isNew && !isRefused
  // Of what this version can not read, only what it can read claims anything.
  const { draft } = checkShape(isNew ? candidate?.document : kept?.document)
  if (draft === undefined) return []
  const place = (path: Path) =>
    isNew && candidate !== undefined
      ? printPlace({ file: candidate.source, ...candidate.place(path) })
      : `generation ${kept?.generation} of fleet ${name}, which goes on`
  return [{ ...contender, isNew, draft, place }]
}

interface Verdict {
  readonly fleet?: DesiredFleet
  readonly unreadable?: UnreadableFleet
  readonly accept?: AcceptedSpec
}

function judge(
  { name, candidate, kept, isNew }: Contender,
  input: DecisionInput,
  refusals: Refusals,
): Verdict {
  const declaredIn =
    candidate === undefined
      ? undefined
      : printPlace({ file: candidate.source, line: candidate.line })
  if (candidate !== undefined && (isNew || candidate.hash === kept?.hash)) {
    const { fleet, hash, source, document } = candidate
    const generation = (kept?.generation ?? 0) + (isNew ? 1 : 0)
    const desired = { fleet, generation, hash, source, declaredIn, conditions: [] }
    if (!isNew) return { fleet: desired }
    const accept = { fleet: name, generation, hash, document, source, acceptedAt: input.now }
    return { fleet: desired, accept }
  }
  if (kept === undefined) return {}
  const { generation, hash, source } = kept
  const conditions = whyKept(kept, candidate, input, refusals.get(name))
  const shape = checkShape(kept.document)
  if (shape.findings.length === 0 && shape.draft !== undefined) {
    const fleet = fleetOf(shape.draft.document)
    return { fleet: { fleet, generation, hash, source, declaredIn, conditions } }
  }
  return {
    unreadable: {
      name,
      generation,
      hash,
      source,
      conditions: [unreadableGeneration(kept, shape.findings), ...conditions],
    },
  }
}
