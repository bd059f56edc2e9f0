import type { ContainerId } from '../docker/port.ts'
import type { PlayingSession } from '../store/claim.ts'
import { StoreUnavailable } from '../store/errors.ts'
import type { Wanted } from '../streams/content.ts'
import type { Clock } from '../time/clock.ts'
import type { EngineSourceAnswer, EngineSourceCall } from './engine-source.ts'
import type { FindSource, Quest } from './quest.ts'
import { StreamRefused } from './refusal.ts'
import type { Source } from './source.ts'

/** Thrown when another session of this gateway plays the content: its viewers are to go there. */
export class PlayedHere extends Error {
  override readonly name = 'PlayedHere'
  readonly code = 'ACE_PLAYED_HERE'
  readonly reservationId: string
  constructor(reservationId: string) {
    super('another session of this gateway plays it')
    this.reservationId = reservationId
  }
}

export interface FindParts {
  readonly clock: Clock
  readonly holder: string
  /** Fleets that may play it, in the order in which they are asked. */
  readonly fleets: () => Promise<readonly string[]>
  readonly openEngine: (call: EngineSourceCall) => Promise<EngineSourceAnswer>
  /** Reads from the gateway that plays it. Undefined when that one does not, or cannot be reached. */
  readonly openRelay: (by: PlayingSession, signal: AbortSignal) => Promise<Source | undefined>
  /** Whether a reservation is that of a living session of this gateway. */
  readonly isOurs: (reservationId: string) => boolean
  /** How long an owner that cannot be reached is waited for: its place lapses within a reservation's lifetime, ms. */
  readonly patienceMs: number
}

/** Engines that are tried, each after the other has failed: the third will not do better. */
const ENGINES_TRIED = 3
/** What an engine says of a content counts when another one has said it too. */
const WORDS_NEEDED = 2
/** While a content's owner is on its way out, ms. */
const OWNER_RETRY_MS = 300
/** Engines that fail are taken out, and replaced, within seconds, s. */
const ENGINE_RETRY_S = 5
/** An engine's own words for content that nobody has. */
const UNKNOWN = /couldn't find resource|failed to load content|not found|unknown/i

interface Tries {
  readonly avoid: ContainerId[]
  words: number
  last: string
  /** Of the engine that failed last. */
  fleet: string | undefined
}

/** Where no engine said anything of the content, it is theirs to become better. */
function notPlayed({ words, last, fleet }: Tries): StreamRefused {
  if (words === 0) return new StreamRefused('engine', last, ENGINE_RETRY_S, fleet)
  const isUnknown = words >= WORDS_NEEDED && UNKNOWN.test(last)
  return new StreamRefused(isUnknown ? 'unknown' : 'engine', last, undefined, fleet)
}

/** Neither who plays nor who could is known then. */
function storeAway({ message }: StoreUnavailable): StreamRefused {
  return new StreamRefused('store', message, 5)
}

/** The reason that is worth most to a viewer: room that may come beats engines that may come. */
const WEIGHT: readonly StreamRefused['reason'][] = ['capacity', 'store', 'vpn', 'starting']

function worthiest(refusals: readonly StreamRefused[]): StreamRefused {
  const [first] = refusals.toSorted((a, b) => WEIGHT.indexOf(a.reason) - WEIGHT.indexOf(b.reason))
  return first ?? new StreamRefused('starting', 'there is no fleet yet', 10)
}

/** Makes what a session of this content looks for its sources with: a fleet's engine, or the gateway that has one. */
export function makeFindSource(parts: FindParts, { content, parameters }: Wanted): FindSource {
  const { clock, holder, openEngine, openRelay, isOurs } = parts

  /** Undefined when it is worth another look: an owner was named, and is not there (any more). */
  async function relay(by: PlayingSession, signal: AbortSignal) {
    if (by.holder !== holder) return await openRelay(by, signal)
    if (isOurs(by.id)) throw new PlayedHere(by.id)
    return undefined
  }

  /** Asks each fleet once. Undefined when it is worth another look. */
  async function ask(quest: Quest, tries: Tries): Promise<Source | undefined> {
    const { instead, elsewhere, onClaim, signal } = quest
    const refusals: StreamRefused[] = []
    for (const fleet of await parts.fleets()) {
      signal.throwIfAborted()
      const avoid = [...quest.avoid, ...tries.avoid]
      const answer = await openEngine({
        fleet,
        content,
        parameters,
        avoid,
        instead,
        elsewhere,
        onClaim,
        signal,
      })
      switch (answer.kind) {
        case 'source':
          return answer.source
        case 'playing':
          return await relay(answer.by, signal)
        case 'failed':
          tries.avoid.push(answer.engine)
          tries.last = answer.error.message
          tries.fleet = fleet
          tries.words += Number(answer.error.fault === 'content')
          return undefined
        case 'refused':
          refusals.push(answer.refusal)
      }
    }
    const refusal = worthiest(refusals)
    const hasFailed = tries.words > 0 || (tries.avoid.length > 0 && refusal.reason === 'starting')
    // What engines said of the content says more than the lack of others.
    throw hasFailed ? notPlayed(tries) : refusal
  }

  return async (quest) => {
    const until = clock.monotonic() + parts.patienceMs
    const tries: Tries = { avoid: [], words: 0, last: '', fleet: undefined }
    for (;;) {
      quest.signal.throwIfAborted()
      const failedBefore = tries.avoid.length
      const source = await ask(quest, tries).catch((error: unknown) => {
        throw error instanceof StoreUnavailable ? storeAway(error) : error
      })
      if (source !== undefined) return source
      if (tries.words >= WORDS_NEEDED || tries.avoid.length >= ENGINES_TRIED) throw notPlayed(tries)
      if (tries.avoid.length > failedBefore) continue
      if (clock.monotonic() >= until)
        throw new StreamRefused('store', 'the gateway that plays it does not answer', 5)
      await clock.sleep(OWNER_RETRY_MS, quest.signal)
    }
  }
}
