import type { Picture } from './progress.ts'

/** The processes of one quickstart, plain or with `--ha`, as what is shown depends on them. */
export interface Crew {
  /** Where acefleet answers, best first. */
  urls(): readonly string[]
  /** How long it may take to, ms. */
  readonly patienceMs: number
  /** Resolves with its last words when there is nothing left to watch. */
  readonly ended: Promise<string>
  /** Looks for what only this crew tells of. */
  look(picture: Picture): Promise<void>
  /** In a few words, beside the progress; changes all the time. */
  brief(picture: Picture): string
  /** Below the table of a converged fleet. */
  notes(picture: Picture): readonly string[]
  /** What to try, once. */
  invitation(picture: Picture): readonly string[]
  /** What ends now, and what goes on. */
  readonly farewell: string
  /** Of all processes that run. */
  pids(): readonly number[]
  stop(): Promise<void>
}
