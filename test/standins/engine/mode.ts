/** How the engine stand-in behaves towards everybody but its own control endpoint. */
export type EngineMode =
  | { readonly mode: 'normal' }
  /** Takes connections and never answers; bytes of running streams stop as well. */
  | { readonly mode: 'hang' }
  /** Hangs as `hang` does, but says its version: a probe that asks for no more finds it well. */
  | { readonly mode: 'stall' }
  /** Answers everything with 500 text, or 503. */
  | { readonly mode: '500' }
  | { readonly mode: '503' }
  /** Resets each connection that asks for anything; running streams go on. */
  | { readonly mode: 'reset' }
  /** Its process starts anew: all connections are cut, all sessions forgotten, the port closed for `forMs`; then `normal`. */
  | { readonly mode: 'restart'; readonly forMs?: number | undefined }
  /** Answers rightly, `delayMs` late. */
  | { readonly mode: 'slow'; readonly delayMs?: number | undefined }
  /** Answers everything with 200 and a body that is not JSON. */
  | { readonly mode: 'garbage' }
  /** The API is well, but says that the P2P network is not reached (VPN dead). */
  | { readonly mode: 'disconnected' }
  /** The API is well, but no content can be loaded. */
  | { readonly mode: 'no-content' }
  /** Ends the process with `exitCode`, `afterMs` from now, after a line in the log. */
  | {
      readonly mode: 'exit'
      readonly exitCode?: number | undefined
      readonly afterMs?: number | undefined
    }

export type ModeName = EngineMode['mode']

/** Longer than every probe timeout in use, shorter than a patient test. */
export const defaultSlowMs = 6000

/** For how long the port is closed. */
export const defaultRestartMs = 2000

const names: readonly string[] = [
  'normal',
  'hang',
  'stall',
  '500',
  '503',
  'reset',
  'restart',
  'slow',
  'garbage',
  'disconnected',
  'no-content',
  'exit',
] satisfies readonly ModeName[]

const optionsOf: Readonly<Record<string, readonly string[]>> = {
  slow: ['delayMs'],
  restart: ['forMs'],
  exit: ['exitCode', 'afterMs'],
}

/** Largest number each option may have. */
const largest: Readonly<Record<string, number>> = {
  delayMs: 600_000,
  afterMs: 600_000,
  forMs: 600_000,
  exitCode: 255,
}

/** Thrown when a mode was asked for that the engine stand-in does not have. */
export class BadMode extends Error {
  override readonly name = 'BadMode'
  readonly code = 'STANDIN_BAD_MODE'
}

/** Reads a mode from untrusted JSON. @throws {BadMode} */
export function parseMode(value: unknown): EngineMode {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadMode(`expected an object such as {"mode":"hang"}, got ${JSON.stringify(value)}`)
  }
  const { mode, ...options } = value as Record<string, unknown>
  if (typeof mode !== 'string' || !names.includes(mode)) {
    throw new BadMode(`mode must be one of ${names.join(', ')}, got ${JSON.stringify(mode)}`)
  }
  const allowed = optionsOf[mode] ?? []
  for (const [key, option] of Object.entries(options)) {
    if (!allowed.includes(key)) throw new BadMode(`mode ${mode} has no option ${key}`)
    const most = largest[key] ?? 0
    if (!Number.isInteger(option) || Number(option) < 0 || Number(option) > most) {
      throw new BadMode(`${key} must be a whole number from 0 to ${most}`)
    }
  }
  return value as EngineMode
}
