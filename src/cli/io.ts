/** Where a command writes. */
export interface Output {
  write(text: string): void
  readonly isTerminal: boolean
}

/** The process around a command. */
export interface CliIo {
  readonly out: Output
  readonly err: Output
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

/** What a shell reports of a process that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130
