import type { PlanPreview } from '../../src/api/controller.ts'
import type { CliParts } from '../../src/cli/parts.ts'
import { runCli } from '../../src/cli/program.ts'
import { DockerUnreachable } from '../../src/docker/errors.ts'
import { systemClock } from '../../src/time/clock.ts'
import type { CliResult } from './run-cli.ts'

/** What a test gives the command line instead of the real thing. */
export interface CliFakes extends Partial<Omit<CliParts, 'io'>> {
  readonly signal?: AbortSignal
  readonly preview?: PlanPreview
  /** Told what was written to standard output, as it is. */
  readonly onOut?: (text: string) => void
}

/** Runs the command line in this process: a start costs a second of CPU, and most tests need none. */
export async function cliHere(args: readonly string[], fakes: CliFakes = {}): Promise<CliResult> {
  const { signal = new AbortController().signal, preview, onOut, ...parts } = fakes
  let out = ''
  let err = ''
  const code = await runCli(args, {
    io: {
      out: {
        isTerminal: false,
        write: (text) => {
          out += text
          onOut?.(out)
        },
      },
      err: {
        isTerminal: false,
        write: (text) => {
          err += text
        },
      },
      signal,
    },
    clock: systemClock,
    env: {},
    hostname: 'box',
    home: '/nonexistent',
    version: '0.0.0',
    runServer: async () => 0,
    planOnce: async () => preview ?? { actions: [], conditions: [] },
    connectDocker: () => Promise.reject(new DockerUnreachable('no daemon: start it')),
    ...parts,
  })
  return { code, out, err }
}
