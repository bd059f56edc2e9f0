import { readNumber } from '../common/number.ts'
import { type EngineMode, parseMode } from './mode.ts'
import { parseTraits, type Traits } from './traits.ts'

export interface EnginePorts {
  readonly http: number
  /** Not listened on unless asked for: the vendor documents no default. */
  readonly https: number | null
  readonly api: number
  readonly p2p: number
}

export interface EngineSettings {
  readonly ports: EnginePorts
  /** Without it HTTP and API answer on loopback only. */
  readonly isBoundToAll: boolean
  readonly version: string
  /** The process is up, all ports closed (late start). */
  readonly startDelayMs: number
  /** After that: the ports are open, requests wait. */
  readonly slowStartMs: number
  /** Ends by itself with this code, `exitAfterMs` after the start; at 0 before any port is opened. */
  readonly exitCode: number | undefined
  readonly exitAfterMs: number
  readonly mode: EngineMode
  /** Of all contents, at the start. */
  readonly traits: Partial<Traits>
}

type Environment = Readonly<Record<string, string | undefined>>

const anyPort = [1, 65_535] as const
const anyMs = [0, 600_000] as const

/** The engine's flags that count here; others are taken and ignored, as a stand-in may. */
const valued: readonly string[] = ['http-port', 'https-port', 'api-port', 'port']

/** Reads `--name=value`, `--name value` and bare `--name` from words. */
export function parseFlags(words: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  for (const [index, word] of words.entries()) {
    if (!word.startsWith('--')) continue
    const [name = '', ...value] = word.slice(2).split('=')
    const next = words[index + 1]
    if (value.length > 0) flags.set(name, value.join('='))
    else if (valued.includes(name) && next !== undefined) flags.set(name, next)
    else flags.set(name, '')
  }
  return flags
}

const split = (text: string | undefined) => (text ?? '').split(/\s+/).filter((word) => word !== '')

/**
 * Reads ports and options in every way in which the images take them, later ones winning: `HTTP_PORT`, `HTTPS_PORT`,
 * `P2P_PORT`; flags in `CONF` (krinkuto11), `ACESTREAM_ARGS` (jopsis x64), `EXTRA_FLAGS` (martinbjeldbak); flags on the
 * command line, whatever program is named before them (`python main.py …`, jopsis arm). Throws saying what is wrong.
 */
export function readSettings(env: Environment, argv: readonly string[]): EngineSettings {
  const flags = parseFlags(
    [env.CONF, env.ACESTREAM_ARGS, env.EXTRA_FLAGS].flatMap(split).concat(argv),
  )
  const port = (flag: string, variable: string | undefined, absent: number) =>
    readNumber(`--${flag}`, flags.get(flag) ?? variable, anyPort, absent)
  const ms = (name: string, absent: number) => readNumber(name, env[name], anyMs, absent)
  const https = readNumber('--https-port', flags.get('https-port') ?? env.HTTPS_PORT, anyPort, null)
  return {
    ports: {
      http: port('http-port', env.HTTP_PORT, 6878),
      https,
      api: port('api-port', undefined, 62_062),
      p2p: port('port', env.P2P_PORT, 8621),
    },
    isBoundToAll:
      flags.has('bind-all') || env.BIND_ALL === 'true' || env.ALLOW_REMOTE_ACCESS === 'yes',
    version: env.STANDIN_VERSION || '3.1.70',
    startDelayMs: ms('STANDIN_START_DELAY_MS', 0),
    slowStartMs: ms('STANDIN_SLOW_START_MS', 0),
    exitCode: readNumber('STANDIN_EXIT_CODE', env.STANDIN_EXIT_CODE, [0, 255], undefined),
    exitAfterMs: ms('STANDIN_EXIT_AFTER_MS', 0),
    mode: firstMode(env.STANDIN_MODE || 'normal'),
    traits: firstTraits(env),
  }
}

/** `STANDIN_TRAITS`, and two of them by names of their own. */
function firstTraits(env: Environment): Partial<Traits> {
  const number = (name: string) =>
    readNumber(name, env[name], [0, Number.MAX_SAFE_INTEGER], undefined)
  const bitrate = number('STANDIN_BITRATE')
  const idleMs = number('STANDIN_IDLE_MS')
  const { infohash, traits } = parseTraits({
    ...(bitrate === undefined ? {} : { bitrate }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...readObject('STANDIN_TRAITS', env.STANDIN_TRAITS),
  })
  if (infohash !== undefined)
    throw new Error('STANDIN_TRAITS: at the start they are for all contents')
  return traits
}

function readObject(name: string, text: string | undefined): object {
  try {
    return Object(JSON.parse(text || '{}'))
  } catch (cause) {
    throw new Error(`${name} is not JSON`, { cause })
  }
}

function firstMode(mode: string): EngineMode {
  if (mode === 'exit') throw new Error('STANDIN_MODE: to exit by itself is STANDIN_EXIT_CODE')
  return parseMode({ mode })
}
