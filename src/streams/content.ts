/** What a viewer wants to see: a content id, or the infohash that one stands for. */
export interface Content {
  readonly kind: 'id' | 'infohash'
  /** 40 hex digits, lower case. */
  readonly hash: string
}

/** Thrown when a request names no content, or more than one. The message says what would be right. */
export class ContentInvalid extends Error {
  override readonly name = 'ContentInvalid'
  readonly code = 'ACE_CONTENT_INVALID'
}

/** By these names a request says what it wants; `content_id` is how engines call `id` too. */
const SELECTORS = { id: 'id', content_id: 'id', infohash: 'infohash' } as const
/** Engines know these as well; what they lead to is not known before, so it could not be shared. */
const UNKNOWN_BEFORE = ['url', 'magnet', 'torrent_url']
/** What tells players of an engine apart: here all of them share one session. */
const PLAYER_ID = ['pid', 'sid']

const HASH = /^[0-9a-f]{40}$/i

/** What a request wants, and what else it says, which is for the engine. */
export interface Wanted {
  readonly content: Content
  /** In the order in which they came. */
  readonly parameters: readonly (readonly [name: string, value: string])[]
}

function isSelector(name: string): name is keyof typeof SELECTORS {
  return Object.hasOwn(SELECTORS, name)
}

/** Reads the query of a stream's URL. @throws {ContentInvalid} */
export function readContent(query: URLSearchParams): Wanted {
  const named = [...query].filter(([name]) => isSelector(name))
  const refused = [...query.keys()].find((name) => UNKNOWN_BEFORE.includes(name))
  if (refused !== undefined)
    throw new ContentInvalid(`${refused} is not taken: name the content by id or infohash`)
  const player = [...query.keys()].find((name) => PLAYER_ID.includes(name))
  if (player !== undefined)
    throw new ContentInvalid(`${player} is not taken: all players of a content share one session`)
  const [first, second] = named
  if (first === undefined)
    throw new ContentInvalid('no content is named: add ?id= (or content_id) or ?infohash=')
  if (second !== undefined) {
    const names = named.map(([name]) => name).join(' and ')
    throw new ContentInvalid(`${names} name more than one content: only one of them may be there`)
  }
  const [name, value] = first
  if (!HASH.test(value))
    throw new ContentInvalid(`${name} must be 40 hex digits, not "${value.slice(0, 60)}"`)
  return {
    content: { kind: isSelector(name) ? SELECTORS[name] : 'id', hash: value.toLowerCase() },
    parameters: [...query].filter(([each]) => !isSelector(each)),
  }
}

/** What a content is called in the store, in logs and between gateways. */
export function contentKey({ kind, hash }: Content): string {
  return `${kind}:${hash}`
}

/** The reverse of {@link contentKey}; undefined for what is none. */
export function parseContentKey(key: string): Content | undefined {
  const [kind, hash = ''] = key.split(':')
  if ((kind !== 'id' && kind !== 'infohash') || !HASH.test(hash)) return undefined
  return { kind, hash: hash.toLowerCase() }
}
