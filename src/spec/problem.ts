/** Keys and indices from a document's top. */
export type Path = readonly (string | number)[]

/** Something wrong at a path of one document. `key` points at the key itself, `value` at what it holds. */
export interface Finding {
  readonly path: Path
  readonly at: 'key' | 'value'
  /** What is wrong and what would be right. */
  readonly message: string
}

/** Something wrong with the specs, for people. */
export interface SpecProblem {
  /**
   * `missing`: nothing is there to read; `unreadable`: it is there, but its text could not be had; `syntax`: it is no
   * YAML; `invalid`: it is no fleet that can be run.
   */
  readonly kind: 'missing' | 'unreadable' | 'syntax' | 'invalid'
  /** As the user named it, or joined to the folder that the user named. */
  readonly file: string
  /** From 1; absent where it is about a whole file or folder. */
  readonly line?: number | undefined
  readonly column?: number | undefined
  /** `spec.vpn.nodes[1].ports`; empty for a whole file or document. */
  readonly path: string
  readonly message: string
  /** The fleet it concerns, where the document says so. */
  readonly fleet?: string | undefined
}

/** `spec.vpn.nodes[1].ports`. */
export function printPath(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
}

/** `specs/demo.yaml:12:9`, or the file alone. */
export function printPlace(place: Pick<SpecProblem, 'file' | 'line' | 'column'>): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(':')
}

/** One line: `specs/demo.yaml:12:9: spec.vpn.nodes[1].ports: is …: it must be …`. */
export function formatProblem(problem: SpecProblem): string {
  return [printPlace(problem), problem.path, problem.message]
    .filter((part) => part !== '')
    .join(': ')
}

/** One line for each problem. */
export function formatProblems(problems: readonly SpecProblem[]): string {
  return problems.map(formatProblem).join('\n')
}

/** By file, line and column. */
export function sortProblems(problems: readonly SpecProblem[]): SpecProblem[] {
  return [...problems].sort(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  )
}
