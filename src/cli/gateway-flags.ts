import type { Command } from 'commander'
import { DEFAULT_GATEWAY, type GatewaySettings } from '../gateway/settings.ts'
import { printDuration } from '../spec/quantity.ts'
import { CommandFailed } from './command-failed.ts'
import { flag } from './flag.ts'
import { parseDurationFlag } from './run-options.ts'

/** What the flags of the gateway parse to. */
export interface GatewayFlags {
  readonly stopGrace: number
  readonly drainTimeout: number
  readonly startTimeout: number
  readonly stallTimeout: number
  readonly slowViewer: GatewaySettings['slowViewer']
  readonly relayUrl?: string
}

/** Adds how viewers are served. */
export function addGatewayFlags(command: Command): Command {
  const duration = (flags: string, description: string, ms: number) =>
    flag(flags, description).argParser(parseDurationFlag).default(ms, printDuration(ms))
  const { graceMs, drainMs, startTimeoutMs, silenceMs, slowViewer } = DEFAULT_GATEWAY
  return command
    .addOption(
      duration('--stop-grace <duration>', 'how long a stream outlives its last viewer', graceMs),
    )
    .addOption(
      duration(
        '--start-timeout <duration>',
        "how long an engine's first byte is waited for",
        startTimeoutMs,
      ),
    )
    .addOption(
      duration(
        '--stall-timeout <duration>',
        'without a byte for so long, a stream moves to another engine',
        silenceMs,
      ),
    )
    .addOption(
      duration(
        '--drain-timeout <duration>',
        'when told to stop, how long viewers may go on who are there; a second signal ends at once',
        drainMs,
      ),
    )
    .addOption(
      flag('--slow-viewer <what>', 'what becomes of a viewer that falls too far behind')
        .choices(['skip', 'cut'])
        .default(slowViewer),
    )
    .addOption(
      flag(
        '--relay-url <url>',
        'where other gateways reach this one (default: as it listens, under its host name on every address)',
      ),
    )
}

/** The base of a URL; no credentials, which others would be told. */
function relayUrlOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  const url = URL.parse(text)
  const isBase = url?.pathname === '/' && url.search === '' && url.hash === ''
  if (url?.protocol !== 'http:' || !isBase || url.username !== '' || url.password !== '')
    throw new CommandFailed(
      '--relay-url (ACEFLEET_RELAY_URL) must be the base of a URL without credentials, for instance http://nas:8000',
    )
  return url.origin
}

/** The settings that flags and environment make. @throws {CommandFailed} */
export function gatewayOptionsOf(flags: GatewayFlags): {
  readonly gateway: GatewaySettings
  readonly relayUrl: string | undefined
} {
  const { stopGrace, drainTimeout, startTimeout, stallTimeout, slowViewer } = flags
  return {
    gateway: {
      ...DEFAULT_GATEWAY,
      graceMs: stopGrace,
      drainMs: drainTimeout,
      startTimeoutMs: startTimeout,
      silenceMs: stallTimeout,
      slowViewer,
    },
    relayUrl: relayUrlOf(flags.relayUrl),
  }
}
