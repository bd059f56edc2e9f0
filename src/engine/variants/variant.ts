import type { EngineSettings } from '../../spec/fleet.ts'

/** The ports that an engine is told. Without a P2P port it keeps the image's own default. */
export interface PassedPorts {
  readonly http: number
  readonly https: number
  readonly api: number
  readonly p2p?: number | undefined
}

/** How a variant's image is told its ports and options. */
export interface PassedSettings {
  readonly env: Readonly<Record<string, string>>
  /** Replaces the image's CMD when given. */
  readonly command?: readonly string[] | undefined
}

/** One preset: what an image of this kind needs to know to start on the given ports. */
export interface Variant {
  /** Environment variables through which the ports travel: a user's own would make engines collide. */
  readonly reservedEnv: readonly string[]
  /** Whether arguments are joined into one text, so that none may hold white space. */
  readonly joinsArgs: boolean
  pass(engine: EngineSettings, ports: PassedPorts): PassedSettings
}

/** Flags of the engine itself, in the `--flag value` form. */
export function portFlags(ports: PassedPorts): string[] {
  return [
    ...['--http-port', `${ports.http}`, '--https-port', `${ports.https}`],
    ...['--api-port', `${ports.api}`],
    ...(ports.p2p === undefined ? [] : ['--port', `${ports.p2p}`]),
  ]
}

/** Names of the flags that {@link portFlags} gives. */
export const PORT_FLAGS: readonly string[] = ['--http-port', '--https-port', '--api-port', '--port']
