import type { PlanPreview } from '../api/controller.ts'
import type { DockerReader } from '../docker/port.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import type { CliIo } from './io.ts'
import type { Environment, LookOptions, RunOptions } from './run-options.ts'

/** A daemon to look at. */
export type DockerLook = DockerReader & Disposable

/** All that the command line is composed of; main.ts gives the real ones. */
export interface CliParts {
  readonly io: CliIo
  readonly clock: Clock
  readonly env: Environment
  readonly hostname: string
  /** The user's home. */
  readonly home: string
  readonly version: string
  /** Runs until the signal; answers the exit code. */
  readonly runServer: (
    options: RunOptions,
    io: { readonly log: Logger; readonly signal: AbortSignal },
  ) => Promise<number>
  /** Observes and plans once, without a server and without a change. */
  readonly planOnce: (options: LookOptions, signal: AbortSignal) => Promise<PlanPreview>
  /** @throws {DockerHostInvalid} */
  readonly connectDocker: (options: LookOptions) => Promise<DockerLook>
}

/** What a command works with. */
export interface CommandContext extends CliParts {
  /** Sets what the process exits with; 0 unless set. */
  readonly exit: (code: number) => void
}
