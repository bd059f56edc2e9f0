import { createHash } from 'node:crypto'
import { beatMs, clipMs } from './clip.ts'

/** How the engine treats a content: each trait may be set for all contents or for one, before and while it plays. */
export interface Traits {
  /** Why it does not start; null: it does. */
  readonly error: string | null
  /** Status of that answer where JSON was asked for. */
  readonly errorStatus: number
  /** For how long a start is waited for; null: for ever. */
  readonly answerMs: number | null
  /** From the start to the first byte; null: it buffers for ever. */
  readonly preloadMs: number | null
  /** What a reader gets meanwhile: 500s, no headers, or headers and no bytes. */
  readonly preload: '500' | 'waits' | 'silent'
  /** Whether `/ace/r/…` leads to `/content/…` or is the stream itself. */
  readonly redirect: 'content' | 'none'
  /** Bits per second. */
  readonly bitrate: number
  /** From one keyframe to the next. */
  readonly keyframeMs: number
  /** How far the engine is behind others that play the same. */
  readonly lagMs: number
  /** How far behind that a reader begins. */
  readonly backlogMs: number
  /** How many times the bit rate a reader gets while it catches up; null: all at once. */
  readonly burst: number | null
  /** How far a reader may fall behind before it loses what it missed. */
  readonly keepsMs: number
  /** Where in a packet a reader begins, 0 being its first byte. */
  readonly skewBytes: number
  /** A reader gets no more after so many bytes, for so long; null: until this is set to null again. */
  readonly stallAfterBytes: number | null
  readonly stallMs: number | null
  /** A reader is cut off after so many bytes: as at a good end, without one, or by a reset. */
  readonly cutAfterBytes: number | null
  readonly cutBy: 'end' | 'drop' | 'reset'
  /** What another player's start of the same content does to the session that is there. */
  readonly second: 'supersedes' | 'shares'
  /** What a second reader of a session does. */
  readonly secondReader: 'is-spoilt' | 'ends-first'
  /** What the readers of a session see of its end. */
  readonly endsBy: 'close' | 'freeze'
  /** A session that nobody reads ends after this. */
  readonly idleMs: number
  /** How many sessions the engine has at most; null: any. */
  readonly maxSessions: number | null
  readonly isLive: 0 | 1
  readonly peers: number
  readonly stat: 'normal' | 'unknown' | 'hangs' | '500'
  readonly livepos: 'moves' | 'frozen'
  readonly speeds: 'snake' | 'camel'
  /** How many segments a list has, and how many keyframes each. */
  readonly segments: number
  readonly segmentKeyframes: number
  readonly segmentUrls: 'absolute' | 'rooted' | 'relative'
}

export const defaultTraits: Traits = {
  error: null,
  errorStatus: 200,
  answerMs: 0,
  preloadMs: 0,
  preload: '500',
  redirect: 'content',
  bitrate: 2_000_000,
  keyframeMs: 1920,
  lagMs: 0,
  backlogMs: 1000,
  burst: null,
  keepsMs: 60_000,
  skewBytes: 0,
  stallAfterBytes: null,
  stallMs: null,
  cutAfterBytes: null,
  cutBy: 'end',
  second: 'supersedes',
  secondReader: 'is-spoilt',
  endsBy: 'close',
  idleMs: 60_000,
  maxSessions: null,
  isLive: 1,
  peers: 4,
  stat: 'normal',
  livepos: 'moves',
  speeds: 'snake',
  segments: 17,
  segmentKeyframes: 2,
  segmentUrls: 'absolute',
}

/** Thrown when a trait was asked for that the engine stand-in does not have. */
export class BadTraits extends Error {
  override readonly name = 'BadTraits'
  readonly code = 'STANDIN_BAD_TRAITS'
}

type Rule = (value: unknown) => string | undefined

const whole =
  (least: number, most: number, step = 1): Rule =>
  (value) => {
    const isFine = Number.isInteger(value) && Number(value) >= least && Number(value) <= most
    if (isFine && Number(value) % step === 0) return undefined
    const of = step === 1 ? 'a whole number' : `a multiple of ${step}`
    return `${of} from ${least} to ${most}`
  }
const oneOf =
  (...words: readonly (string | number)[]): Rule =>
  (value) =>
    words.includes(value as string) ? undefined : `one of ${words.join(', ')}`
const orNull =
  (rule: Rule): Rule =>
  (value) => {
    const wrong = value === null ? undefined : rule(value)
    return wrong === undefined ? undefined : `${wrong} or null`
  }
const anyMs = whole(0, 600_000)
const anyBytes = whole(0, 2 ** 40)

const rules: Readonly<Record<keyof Traits, Rule>> = {
  error: orNull((value) => (typeof value === 'string' && value !== '' ? undefined : 'a reason')),
  errorStatus: whole(200, 599),
  answerMs: orNull(anyMs),
  preloadMs: orNull(anyMs),
  preload: oneOf('500', 'waits', 'silent'),
  redirect: oneOf('content', 'none'),
  bitrate: whole(400_000, 50_000_000),
  keyframeMs: whole(beatMs, clipMs, beatMs),
  lagMs: anyMs,
  backlogMs: anyMs,
  burst: orNull(whole(1, 1000)),
  keepsMs: anyMs,
  skewBytes: whole(0, 187),
  stallAfterBytes: orNull(anyBytes),
  stallMs: orNull(anyMs),
  cutAfterBytes: orNull(anyBytes),
  cutBy: oneOf('end', 'drop', 'reset'),
  second: oneOf('supersedes', 'shares'),
  secondReader: oneOf('is-spoilt', 'ends-first'),
  endsBy: oneOf('close', 'freeze'),
  idleMs: anyMs,
  maxSessions: orNull(whole(0, 1000)),
  isLive: oneOf(0, 1),
  peers: whole(0, 10_000),
  stat: oneOf('normal', 'unknown', 'hangs', '500'),
  livepos: oneOf('moves', 'frozen'),
  speeds: oneOf('snake', 'camel'),
  segments: whole(1, 100),
  segmentKeyframes: whole(1, 20),
  segmentUrls: oneOf('absolute', 'rooted', 'relative'),
}

/** Some traits, and the infohash of the content that they are for; undefined: for all that have none of their own. */
export interface TraitsChange {
  readonly infohash: string | undefined
  readonly traits: Partial<Traits>
}

/**
 * Reads a change from untrusted JSON: traits by name, and with `id` or `infohash` the content that they are for.
 *
 * @throws {BadTraits}
 */
export function parseTraits(value: unknown): TraitsChange {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadTraits(
      `expected an object such as {"preloadMs":500}, got ${JSON.stringify(value)}`,
    )
  }
  const { id, infohash, ...traits } = value as Record<string, unknown>
  for (const [name, trait] of Object.entries(traits)) {
    if (!Object.hasOwn(rules, name)) throw new BadTraits(`there is no trait ${name}`)
    const wrong = rules[name as keyof Traits](trait)
    if (wrong !== undefined) {
      throw new BadTraits(`${name} must be ${wrong}, got ${JSON.stringify(trait)}`)
    }
  }
  return { infohash: contentOf(id, infohash), traits: traits as Partial<Traits> }
}

function contentOf(id: unknown, infohash: unknown): string | undefined {
  if (id !== undefined && infohash !== undefined)
    throw new BadTraits('id and infohash are two contents')
  if (typeof id === 'string' && id !== '') return infohashOfId(id)
  if (typeof infohash === 'string' && /^[0-9a-f]{40}$/i.test(infohash))
    return infohash.toLowerCase()
  if (id === undefined && infohash === undefined) return undefined
  throw new BadTraits('a content is an id or an infohash of 40 hex digits')
}

/** The infohash of what a content id, URL or magnet link names. The real one is looked up; here it follows. */
export function infohashOfId(id: string): string {
  return createHash('sha1').update(id).digest('hex')
}

/** What is set at the moment. */
export interface TraitsStore {
  /** Of a content, or without one of those that have none of their own. */
  of(infohash?: string): Traits
  change(change: TraitsChange): Traits
}

export function makeTraits(atStart: Partial<Traits> = {}): TraitsStore {
  let common: Traits = { ...defaultTraits, ...atStart }
  const own = new Map<string, Partial<Traits>>()
  const of = (infohash?: string): Traits => ({ ...common, ...own.get(infohash ?? '') })
  return {
    of,
    change: ({ infohash, traits }) => {
      if (infohash === undefined) common = { ...common, ...traits }
      else own.set(infohash, { ...own.get(infohash), ...traits })
      return of(infohash)
    },
  }
}
