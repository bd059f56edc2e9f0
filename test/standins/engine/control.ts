import type { IncomingMessage, ServerResponse } from 'node:http'
import { readJson } from '../common/body.ts'
import { type EngineMode, parseMode } from './mode.ts'
import { type Reply, withJson, withText } from './reply.ts'
import type { Sessions } from './sessions.ts'
import type { EngineSettings } from './settings.ts'
import { parseTraits, type TraitsStore } from './traits.ts'

export interface ControlOptions {
  readonly settings: EngineSettings
  readonly sessions: Sessions
  readonly traits: TraitsStore
  /** Counters that other listeners keep. */
  readonly counters: Readonly<Record<string, number>>
  readonly log: (line: string) => void
}

/** The mode of the moment, and how it is changed. */
export interface ModeSwitch {
  get(): EngineMode
  set(mode: EngineMode): void
}

export const controlPath = '/standin/'

const routes = 'there are GET /standin/state, POST /standin/mode and POST /standin/traits'

/** The stand-in's own routes. @throws {BadBody} @throws {BadMode} @throws {BadTraits} */
export async function control(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  mode: ModeSwitch,
  options: ControlOptions,
): Promise<Reply> {
  switch (`${request.method} ${path}`) {
    case 'GET /standin/state':
      return withJson(describe(options, mode.get()))
    case 'POST /standin/mode': {
      const next = parseMode(await readJson(request))
      // A restart cuts this connection too: when it has its answer.
      if (next.mode === 'restart') response.once('finish', () => mode.set(next))
      else mode.set(next)
      return withJson(next)
    }
    case 'POST /standin/traits': {
      const change = parseTraits(await readJson(request))
      options.log(`stand-in traits ${JSON.stringify(change)}`)
      return withJson(options.traits.change(change))
    }
    default:
      return withText(404, routes)
  }
}

function describe({ settings, sessions, counters, traits }: ControlOptions, mode: EngineMode) {
  const players = sessions.all().flatMap(({ infohash, players, sentBytes }) =>
    [...players.values()].map(({ key, reader }) => ({
      infohash,
      key,
      isRead: reader !== undefined,
      sentBytes,
    })),
  )
  return {
    mode,
    version: settings.version,
    ports: settings.ports,
    sessions: players,
    counters: { ...sessions.counters, ...counters },
    traits: traits.of(),
  }
}
