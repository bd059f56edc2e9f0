import { probeRedis, type RedisProbe } from '../../redis/probe.ts'
import { addressOf, parseRedisUrl } from '../../redis/url.ts'
import { printDuration } from '../../spec/quantity.ts'
import { keyPrefix } from '../../store/redis/keys.ts'
import type { Clock } from '../../time/clock.ts'
import { failureText } from '../command-failed.ts'
import type { RedisSettings } from '../run-options.ts'
import { type Finding, fail, ok, skipped, warn } from './finding.ts'

export interface RedisLook {
  readonly settings: RedisSettings
  readonly instance: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What became of asking one server. */
type Asked =
  | { readonly kind: 'probe'; readonly probe: RedisProbe }
  | { readonly kind: 'failure'; readonly address: string; readonly message: string }

/** Clocks that are further apart make times in events and status misleading, ms. */
const SKEW_MS = 1_000
/** Of the time that one attempt may take, what the way there may take on a quiet day: the rest is for bad ones. */
const ROUND_TRIP_SHARE = 0.25

/** What usually helps, by what the failure says. */
const MENDS: readonly (readonly [RegExp, string])[] = [
  [
    /\b(?:NOAUTH|WRONGPASS|AUTH)\b|password/,
    'give user and password: redis://user@host:port?passwordFile=FILE, or in the URL, and check them with redis-cli',
  ],
  [
    /NOPERM/,
    'give its user the right to what acefleet needs: ACL SETUSER NAME ~acefleet:* +@all -@dangerous +info',
  ],
  [
    /is a replica/,
    'name the master, or let the sentinels find it: redis+sentinel://host:port,host:port/MASTER',
  ],
  [
    /ECONNREFUSED/,
    'start Redis there, have it listen on that address (bind), or correct host and port',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'correct the host name, or have it resolve where acefleet runs'],
  [
    /certificate|self[- ]signed|SSL|TLS|altnames/i,
    'give the right CA with rediss://…?ca=FILE, and the name in the certificate with &servername=NAME',
  ],
  [/sentinel/i, 'check the addresses of the sentinels and the name of the master'],
  [/loading/, 'wait until it has loaded its data'],
  [
    /time|no answer|ETIMEDOUT|unreachable|closed|reset/i,
    'check that nothing (firewall, protected-mode, TLS on one side only) is in the way, and that it is not stuck',
  ],
]

function mendOf(message: string): string | undefined {
  return MENDS.find(([pattern]) => pattern.test(message))?.[1]
}

async function ask(url: string, { instance, clock, signal }: RedisLook): Promise<Asked> {
  try {
    const probe = await probeRedis(url, { clock, signal, prefix: keyPrefix(instance) })
    return { kind: 'probe', probe }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failure', address: addressOf(parseRedisUrl(url)), message: failureText(error) }
  }
}

function inMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** The median: one hiccup of either machine is no property of the way between them. */
function roundTripOf({ roundTripsMs }: RedisProbe): number {
  const sorted = roundTripsMs.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY
}

function checkReach(check: string, asked: Asked): Finding {
  if (asked.kind === 'failure') return fail(check, asked.message, mendOf(asked.message))
  const { address, version } = asked.probe
  return ok(check, `${address} answers within ${inMs(roundTripOf(asked.probe))}, Redis ${version}`)
}

/** Whether it keeps what it was told when memory is short. */
function checkMemory(check: string, holds: string, probe: RedisProbe): Finding {
  const { memoryPolicy: policy, maxMemoryBytes, address } = probe
  const mend = 'CONFIG SET maxmemory-policy noeviction, and the same in its redis.conf'
  if (policy === 'noeviction') return ok(check, 'maxmemory-policy is noeviction')
  if (policy === undefined) {
    return warn(check, `${address} does not tell its maxmemory-policy: see that it is noeviction`)
  }
  const when = maxMemoryBytes > 0 ? 'when memory is short' : 'once a maxmemory is set'
  const text = `maxmemory-policy of ${address} is ${policy}: ${when} it drops ${holds}`
  return maxMemoryBytes > 0 ? fail(check, text, mend) : warn(check, text, mend)
}

/** What outlives a restart of it. Nothing has to: this is for people to know. */
function checkPersistence({ appendOnly, snapshots }: RedisProbe): Finding {
  const check = 'Redis data'
  if (appendOnly) return ok(check, 'kept in an append-only file: a restart loses a second at most')
  const forgets =
    'cordons, drains and events may be forgotten by a restart; specs, engines and epochs come back'
  if (snapshots) return ok(check, `kept in snapshots: the latest ${forgets}`)
  const how = snapshots === false ? 'kept in memory only' : 'in no append-only file'
  return ok(check, `${how}: ${forgets} (appendonly yes keeps them)`)
}

function checkClock({ skewMs, address }: RedisProbe): Finding {
  const check = 'Redis clock'
  if (Math.abs(skewMs) < SKEW_MS) return ok(check, 'goes with the one here')
  const apart = `${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'}`
  return warn(
    check,
    `the clock of ${address} is ${apart} the one here: acefleet allows for it, but times that people read differ`,
    'have both hosts follow NTP (timedatectl shows whether they do)',
  )
}

/** Whether the lease servers are as many as they seem, and fail one at a time. */
function checkIndependence(probes: readonly RedisProbe[], count: number): readonly Finding[] {
  const check = 'lease servers'
  const findings: Finding[] = []
  for (const [index, probe] of probes.entries()) {
    const before = probes.slice(0, index)
    const twin = before.find((each) => each.runId === probe.runId)
    const neighbour = before.find((each) => each.hosts.some((host) => probe.hosts.includes(host)))
    if (twin !== undefined) {
      const mend = 'give independent servers: each has one vote, and this one would have two'
      findings.push(fail(check, `${twin.address} and ${probe.address} are the same server`, mend))
    } else if (neighbour !== undefined) {
      const text = `${neighbour.address} and ${probe.address} are on one host: they fail together`
      findings.push(warn(check, text, 'put each on a host of its own'))
    }
  }
  if (findings.length > 0 || probes.length < count) return findings
  if (count > 1) return [ok(check, `${count} independent ones: ${(count - 1) / 2} may be away`)]
  return [ok(check, 'one: while it is away nobody acts (with 3, one of them may be)')]
}

/** Whether a majority answers, and soon enough for the lease to be kept. */
function checkPace(probes: readonly RedisProbe[], { leaseUrls, timing }: RedisSettings): Finding {
  const check = 'lease'
  const { ttlMs, renewMs, attemptMs } = timing
  const quorum = Math.floor(leaseUrls.length / 2) + 1
  const kept = `a lease of ${printDuration(ttlMs)}, renewed every ${printDuration(renewMs)}`
  const roundTripMs = probes.map(roundTripOf).sort((a, b) => a - b)[quorum - 1]
  if (roundTripMs === undefined) {
    const text = `only ${probes.length} of ${leaseUrls.length} lease servers can be used: it takes ${quorum} for anybody to lead`
    return fail(check, text, 'mend those that fail above')
  }
  const text = `a majority answers within ${inMs(roundTripMs)}, ${kept} allows ${inMs(attemptMs)}`
  if (roundTripMs < ROUND_TRIP_SHARE * attemptMs) return ok(check, text)
  const mend = 'put the lease servers nearer to the replicas, or take load off them'
  return roundTripMs < attemptMs ? warn(check, text, mend) : fail(check, text, mend)
}

function probesOf(asked: readonly Asked[]): readonly RedisProbe[] {
  return asked.flatMap((each) => (each.kind === 'probe' ? [each.probe] : []))
}

/** Looks at the Redis servers of several replicas, and changes nothing on them. */
export async function checkRedis(look: RedisLook): Promise<readonly Finding[]> {
  const { url, leaseUrls } = look.settings
  const urls = [...new Set([url, ...leaseUrls])]
  const answers = new Map(
    await Promise.all(urls.map(async (each) => [each, await ask(each, look)] as const)),
  )
  const askedOf = (each: string): readonly Asked[] => {
    const asked = answers.get(each)
    return asked === undefined ? [] : [asked]
  }
  const data = askedOf(url).flatMap((asked): readonly Finding[] => [
    checkReach('Redis', asked),
    ...(asked.kind === 'failure'
      ? [skipped('Redis settings', 'it could not be asked')]
      : [
          checkMemory('Redis memory', 'marks and reservations', asked.probe),
          checkPersistence(asked.probe),
          checkClock(asked.probe),
        ]),
  ])
  const leases = leaseUrls.flatMap((each, index) => {
    if (each === url) return []
    const check = `lease server ${index + 1}`
    return askedOf(each).flatMap((asked): readonly Finding[] => {
      if (asked.kind === 'failure') return [checkReach(check, asked)]
      const memory = checkMemory(check, 'leases', asked.probe)
      return [checkReach(check, asked), ...(memory.verdict === 'ok' ? [] : [memory])]
    })
  })
  const probes = probesOf(leaseUrls.flatMap(askedOf))
  return [
    ...data,
    ...leases,
    ...checkIndependence(probes, leaseUrls.length),
    checkPace(probes, look.settings),
  ]
}
