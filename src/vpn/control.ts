import type { HttpGet } from '../net/http.ts'
import type { ControlFailure, ControlReading } from '../observe/observation.ts'
import type { Clock } from '../time/clock.ts'
import { hasPortRoute, OLD_PORT_ROUTE, PORT_ROUTE } from './advice.ts'
import { parsePortFile, parsePorts, parsePublicIp, parseStatus } from './answers.ts'
import {
  askVersion,
  type ControlTarget,
  type Conversation,
  interpret,
  isRefusal,
  mayLackRoute,
  openConversation,
  type Part,
  silence,
} from './conversation.ts'
import type { ReadSmallFile } from './small-file.ts'

export type { ControlTarget } from './conversation.ts'

/** Reads a node's control server once. Never rejects. */
export type ReadControl = (
  target: ControlTarget,
  signal: AbortSignal,
) => Promise<ControlReading | ControlFailure>

export interface ControlParts {
  readonly http: HttpGet
  readonly readFile: ReadSmallFile
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** For a whole reading; 2 s by default. Gluetun's handlers take below 1 ms. */
  readonly timeoutMs?: number | undefined
}

/** Asks routes of one control server; the release is asked for at most once. */
function makeAsk(talk: Conversation, http: HttpGet) {
  let version: Promise<string | undefined> | undefined
  const release = () => {
    version ??= askVersion(talk, http)
    return version
  }
  const send = (route: string) => http(talk.prefix + route.replace(/^GET /, ''), talk.call())

  const ask = async <T>(
    route: string,
    parse: (body: string) => T | undefined,
  ): Promise<Part<T>> => {
    try {
      return await interpret(talk, route, await send(route), parse, release)
    } catch (error) {
      return silence(talk, route, error)
    }
  }
  /** Of two answers without a port, the one that can be mended: where both are refused, that of the release. */
  const isOlderTheOne = async (newer: number, older: number): Promise<boolean> => {
    const isRedirected = older >= 300 && older < 400
    if (isRedirected || !mayLackRoute(older)) return !isRedirected
    if (isRefusal(newer) && isRefusal(older)) return hasPortRoute(await release()) === false
    return isRefusal(older)
  }
  /**
   * Both generations of the route: a release with the newer one redirects the older to it, and a release without it
   * says so in one of several ways. The redirect is never followed: where it leads, we were refused a moment ago.
   */
  const askPorts = async (): Promise<Part<readonly number[]>> => {
    try {
      const answer = await send(PORT_ROUTE)
      if (!mayLackRoute(answer.status))
        return await interpret(talk, PORT_ROUTE, answer, parsePorts, release)
      const older = await send(OLD_PORT_ROUTE)
      return (await isOlderTheOne(answer.status, older.status))
        ? await interpret(talk, OLD_PORT_ROUTE, older, parsePorts, release)
        : await interpret(talk, PORT_ROUTE, answer, parsePorts, release)
    } catch (error) {
      return silence(talk, PORT_ROUTE, error)
    }
  }
  return { ask, askPorts }
}

/** The ports that the mounted status file tells, unless an earlier incarnation left it behind. */
async function portsFromFile(
  target: ControlTarget,
  readFile: ReadSmallFile,
): Promise<readonly number[] | undefined> {
  const { portFile } = target.node
  // Of an incarnation that is not known, no file can be told to be.
  if (portFile === undefined || target.startedAt === 0) return undefined
  try {
    const file = await readFile(portFile)
    // Both times come from one machine, for the file is mounted from where Gluetun runs.
    return file.modifiedAt < target.startedAt ? undefined : parsePortFile(file.text)
  } catch {
    return undefined
  }
}

/** Builds the reader. It keeps nothing between readings. */
export function createReadControl(parts: ControlParts): ReadControl {
  const { http, readFile, clock, timeoutMs = 2_000 } = parts

  return async (target, signal) => {
    const at = clock.now()
    const fail = async ({ kind, message }: Omit<ControlFailure, 'at'>): Promise<ControlFailure> => {
      const ports = await portsFromFile(target, readFile)
      return { kind, message, at, ...(ports && { ports }) }
    }
    const talk = await openConversation(target, { readFile, clock, timeoutMs, signal })
    if ('kind' in talk) return fail(talk)

    const { ask, askPorts } = makeAsk(talk, http)
    const [status, publicIp, asked] = await Promise.all([
      ask('GET /v1/vpn/status', parseStatus),
      ask('GET /v1/publicip/ip', parsePublicIp),
      askPorts(),
    ])
    if (status.kind !== 'value') return fail(status)
    // A passing silence on the address must not read as "Gluetun tells none"; a standing refusal leaves a gap.
    if (publicIp.kind === 'unreachable') return fail(publicIp)

    const fromFile = asked.kind === 'value' ? undefined : await portsFromFile(target, readFile)
    const ports = asked.kind === 'value' ? asked.value : fromFile
    const gaps = {
      ...(asked.kind !== 'value' && ports === undefined && { ports: asked.message }),
      ...(publicIp.kind !== 'value' && { publicIp: publicIp.message }),
    }
    return {
      kind: 'reading',
      status: status.value,
      publicIp: publicIp.kind === 'value' ? publicIp.value : '',
      publicIpEnabled: publicIp.kind === 'value',
      ports: ports ?? [],
      ...(Object.keys(gaps).length > 0 && { gaps }),
      at,
    }
  }
}
