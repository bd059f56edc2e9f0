import { type Claimant, findClashes } from './claims.ts'
import { documentOf, fleetOf } from './document.ts'
import { checkShape } from './draft.ts'
import type { Fleet } from './fleet.ts'
import { fleetHash } from './hash.ts'
import {
  type Finding,
  type Path,
  printPath,
  printPlace,
  type SpecProblem,
  sortProblems,
} from './problem.ts'
import { checkRules } from './rules.ts'
import { readSpecFiles, type SpecText } from './spec-files.ts'
import { readYaml, type YamlDocument, type YamlText } from './yaml-text.ts'

/** A fleet that is valid by itself and beside all others that were loaded with it. */
export interface LoadedFleet {
  readonly fleet: Fleet
  readonly hash: string
  /** The file, as the user named it. */
  readonly source: string
  /** Where its document begins. */
  readonly line: number
  /** The normalised document, as it is kept. */
  readonly document: unknown
  /** Where a path of the document stands in the file; for what is left out, where it would be. */
  place(path: Path): { readonly line: number; readonly column: number }
}

/** What a set of spec files says: every fleet that can be run, and everything that is wrong. */
export interface LoadedSpecs {
  readonly fleets: readonly LoadedFleet[]
  /** By file, line and column. */
  readonly problems: readonly SpecProblem[]
}

/** Reads and checks files and folders. Whatever is wrong is among the problems; it never throws. */
export async function loadSpecs(paths: readonly string[]): Promise<LoadedSpecs> {
  const { texts, problems } = await readSpecFiles(paths)
  const checked = checkSpecs(texts)
  return { fleets: checked.fleets, problems: sortProblems([...problems, ...checked.problems]) }
}

interface Candidate extends Claimant {
  readonly yaml: YamlDocument
  /** Clashes are added once all candidates are there. */
  readonly findings: Finding[]
}

/** Checks a set of files, every document by itself and against all others. */
export function checkSpecs(texts: readonly SpecText[]): LoadedSpecs {
  const reads = texts.map(({ file, text }) => ({ file, ...readYaml(file, text) }))
  const checks = reads.flatMap(({ documents }) => documents.map(checkDocument))
  const candidates = checks.flatMap(({ candidate }) => candidate ?? [])
  for (const { claimant, finding } of findClashes(candidates)) claimant.findings.push(finding)
  const problems = [
    ...reads.flatMap((read) => read.problems),
    ...reads.flatMap((read) => (isEmpty(read) ? [emptyFile(read.file)] : [])),
    ...checks.flatMap(({ yaml, findings }) => findings.map((each) => problemAt(yaml, each))),
  ]
  const sound = candidates.filter(({ yaml, findings }) => yaml.isSound && findings.length === 0)
  return { fleets: sound.map(loaded), problems: sortProblems(problems) }
}

function checkDocument(yaml: YamlDocument) {
  const { findings, draft } = checkShape(yaml.data)
  if (draft === undefined) return { yaml, findings, candidate: undefined }
  const candidate: Candidate = {
    yaml,
    draft,
    findings: [...findings, ...checkRules(draft)],
    place: (path) => printPlace({ file: yaml.file, ...yaml.place(path, 'value') }),
  }
  return { yaml, findings: candidate.findings, candidate }
}

function isEmpty({ documents, problems }: YamlText): boolean {
  return documents.length === 0 && problems.length === 0
}

function loaded({ yaml, draft }: Candidate): LoadedFleet {
  const fleet = fleetOf(draft.document)
  return {
    fleet,
    hash: fleetHash(fleet),
    source: yaml.file,
    line: yaml.place([], 'value').line,
    document: documentOf(fleet),
    place: (path) => yaml.place(path, 'value'),
  }
}

function problemAt(yaml: YamlDocument, { path, at, message }: Finding): SpecProblem {
  const place = yaml.place(path, at)
  return {
    kind: 'invalid',
    file: yaml.file,
    ...place,
    path: printPath(path),
    message,
    fleet: yaml.fleet,
  }
}

function emptyFile(file: string): SpecProblem {
  const message = 'holds no document: write an EngineFleet document, or remove the file'
  return { kind: 'invalid', file, line: 1, column: 1, path: '', message }
}
