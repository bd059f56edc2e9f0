/** What a benchmark found out: the JSON line, goals left out. A row of figures may have one name. */
export type Figures = Readonly<Record<string, number | Readonly<Record<string, number>>>>

/** How a benchmark speaks and how it is called off. */
export interface BenchRun {
  /** One line of progress for people. */
  say(line: string): void
  /** Aborted by Ctrl-C: what was made is removed. */
  readonly signal: AbortSignal
}

/** Measures, and cleans up after itself. */
export type Bench = (run: BenchRun) => Promise<Figures>
