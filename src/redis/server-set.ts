import { createHash } from 'node:crypto'
import { type Endpoint, parseRedisUrl, type RedisAddress } from './url.ts'

/** Enough to tell apart the few sets that replicas of one instance were ever given. */
const DIGITS = 12

function nameOf({ host, port }: Endpoint): string {
  return `${host.toLowerCase()} ${port}`
}

/** Where it is, by its address alone: no credentials, no files, no scheme. */
function placeOf({ target, db }: RedisAddress): readonly (string | number)[] {
  return target.kind === 'server'
    ? [nameOf(target.at), db]
    : [target.master, db, ...target.sentinels.map(nameOf).sort()]
}

/**
 * The hash of a set of servers: the same for the same addresses and databases in any order, with default ports written
 * or not, whoever comes in by whatever credentials. Servers that go by several names count as several.
 * @throws {RedisUrlInvalid}
 */
export function hashServerSet(urls: readonly string[]): string {
  const places = urls.map((url) => JSON.stringify(placeOf(parseRedisUrl(url)))).sort()
  return createHash('sha256').update(JSON.stringify(places)).digest('hex').slice(0, DIGITS)
}
