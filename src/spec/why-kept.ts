import type { AcceptedSpec } from '../store/store.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { LoadedFleet, LoadedSpecs } from './load.ts'
import { type Finding, formatProblem, printPath, type SpecProblem } from './problem.ts'

/** More do not fit into a line that people read. */
const MAX_SHOWN = 5

/** What the files say now, and what they said before. */
interface Situation {
  readonly snapshot: LoadedSpecs
  /** By fleet, the generations that had the hash which its file has now. */
  readonly generations: ReadonlyMap<string, readonly number[]>
}

/** The condition of a fleet that goes on with what was accepted before; that replicas disagree is told by their leader. */
export function whyKept(
  kept: AcceptedSpec,
  candidate: LoadedFleet | undefined,
  { snapshot, generations }: Situation,
  refusal: readonly SpecProblem[] | undefined,
): readonly PlannedCondition[] {
  const goesOn = `the fleet goes on with generation ${kept.generation}`
  if (refusal !== undefined) return [invalid('Clash', `${goesOn}: ${summary(refusal)}`)]
  if (candidate !== undefined) {
    const earlier = generations.get(kept.fleet)?.[0]
    if (earlier === undefined) return []
    const message =
      `${goesOn}, for ${candidate.source} is as it was in generation ${earlier}: ` +
      'save the file once more to go back to that, or bring it up to date'
    return [invalid('EarlierGeneration', message)]
  }
  const problems = problemsOf(kept, snapshot.problems)
  if (problems.length > 0) return [invalid('Refused', `${goesOn}: ${summary(problems)}`)]
  const message =
    `no file declares the fleet any more, it came from ${kept.source}; ${goesOn}: ` +
    `put the document back, or remove the fleet with acefleet delete ${kept.fleet}`
  return [{ type: 'Orphaned', status: 'True', reason: 'NotDeclared', message }]
}

/** Problems that say why a fleet has no sound document: its own, or those of its file that are nobody else's. */
function problemsOf(kept: AcceptedSpec, problems: readonly SpecProblem[]): readonly SpecProblem[] {
  const own = problems.filter(({ fleet }) => fleet === kept.fleet)
  if (own.length > 0) return own
  return problems.filter(
    ({ kind, fleet, file }) =>
      kind !== 'missing' &&
      fleet === undefined &&
      (kept.source === file || kept.source.startsWith(`${file}/`)),
  )
}

/** The condition of a fleet whose generation this version can not read. */
export function unreadableGeneration(
  kept: AcceptedSpec,
  findings: readonly Finding[],
): PlannedCondition {
  const [first] = findings
  const why = first === undefined ? '' : ` (${printPath(first.path)} ${first.message})`
  const message =
    `generation ${kept.generation} cannot be read by this version of acefleet${why}; its engines are left alone: ` +
    `run the version that accepted it, or change ${kept.source} so that it becomes a new generation`
  return invalid('UnreadableGeneration', message)
}

function invalid(reason: string, message: string): PlannedCondition {
  return { type: 'SpecInvalid', status: 'True', reason, message }
}

/** The first few problems; the rest is what `acefleet validate` is for. */
function summary(problems: readonly SpecProblem[]): string {
  const shown = problems.slice(0, MAX_SHOWN).map(formatProblem)
  const rest = problems.length - shown.length
  return [...shown, ...(rest > 0 ? [`and ${rest} more, see acefleet validate`] : [])].join('; ')
}
