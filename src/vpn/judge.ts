import { assertNever } from '../assert-never.ts'
import {
  ENGINES_OFFLINE,
  type Generation,
  generationOf,
  type ObservedNode,
  TUNNEL_DEAD,
} from '../observe/observation.ts'
import {
  type EngineWord,
  hear,
  judgeTunnel,
  type TunnelMemory,
  type TunnelSigns,
  type TunnelVerdict,
  tunnelReviews,
} from './engine-words.ts'
import { afterJudgement, type FlapMemory, NEVER_FLAPPED } from './flapping.ts'
import { countPort } from './forwarded-port.ts'
import {
  doubtBegan,
  doubtReviews,
  type GluetunSigns,
  gluetunWord,
  type NodeContainer,
  type Verdict,
} from './gluetun-word.ts'
import { afterPortLook } from './port-grant.ts'
import { afterWord } from './port-losses.ts'
import { afterLook, type ReconnectMemory, type Standing } from './reconnects.ts'

export type { EngineWord } from './engine-words.ts'
export type { NodeContainer } from './gluetun-word.ts'

/** All that is known of one node in this moment. */
export interface NodeSigns extends GluetunSigns {
  /** What the engines of this generation say. */
  readonly words: readonly EngineWord[]
  /** Unix ms at which an engine on another node last said that it is connected; undefined when none did. */
  readonly connectedElsewhereAt: number | undefined
}

export interface JudgeSettings {
  readonly downGraceMs: number
  readonly portGraceMs: number
  /** How long an engine's word counts, ms. */
  readonly wordFreshMs: number
}

/** The judged part of an {@link ObservedNode}, and what the next judgement must remember. */
export interface Judgement
  extends Pick<
    ObservedNode,
    | 'state'
    | 'reason'
    | 'message'
    | 'since'
    | 'lost'
    | 'forwardedPort'
    | 'readySince'
    | 'generation'
    | 'reconnectedAt'
    | 'downSince'
    | 'grant'
  > {
  /** Unix ms at which time alone may change this judgement. */
  readonly reviewAt: number | undefined
  /** Unix ms since which Gluetun, readable, does not say that the tunnel stands. */
  readonly doubtSince: number | undefined
  /** Whether this generation has shown a public IP, so that an empty one means something. */
  readonly ipSeen: boolean
  /** Unix ms since which no port is granted after there was one; the last is held for the grace. */
  readonly portLostAt: number | undefined
  /** Of the tunnel that stands by Gluetun's word, or did when that was last heard. */
  readonly tunnel: TunnelMemory | undefined
  /** How often it was judged dead by its engines without one of them being connected since. */
  readonly condemnations: number
  readonly reconnects: ReconnectMemory | undefined
  readonly flaps: FlapMemory
  /** When its port was lost within the last hour, Unix ms; of every generation. */
  readonly portLosses: readonly number[]
}

function generationNow(container: NodeContainer, previous: Judgement | undefined) {
  switch (container.kind) {
    case 'found':
      return generationOf(container.detail.id, container.detail.startedAtText)
    case 'unread':
      return previous?.generation
    case 'absent':
      return undefined
    default:
      return assertNever(container)
  }
}

/** What Gluetun tells of ports; undefined when nothing may be concluded. */
function portsTold({ container, control }: NodeSigns): readonly number[] | undefined {
  if (container.kind !== 'found') return undefined
  if (control.kind !== 'reading') return control.ports
  return control.gaps?.ports === undefined ? control.ports : undefined
}

function nextReview(now: number, times: readonly (number | undefined)[]): number | undefined {
  const later = times.filter((at) => at !== undefined && at > now) as number[]
  return later.length > 0 ? Math.min(...later) : undefined
}

/** The state, before flapping counts. */
type Unheld = Pick<ObservedNode, 'state' | 'reason' | 'message'>

function withWords(word: Verdict, verdict: TunnelVerdict, count: number, name: string): Unheld {
  if (word.state !== 'up' || verdict === 'works') return word
  const engines = count === 1 ? 'its engine says' : `its ${count} engines say`
  if (verdict === 'doubted') {
    const message = `Gluetun says that ${name} is up, but ${engines} that nothing can be reached`
    return { state: 'degraded', reason: ENGINES_OFFLINE, message }
  }
  const said =
    count === 0
      ? 'its engines could reach nothing while those elsewhere could; it is tried again after a while'
      : `${engines} that nothing can be reached, while elsewhere it can`
  const message = `Gluetun says that ${name} is up, but ${said}`
  return { state: 'down', reason: TUNNEL_DEAD, message }
}

/** Whoever falls again and again has to stand for a while before new engines are put on it. */
function withHold(unheld: Unheld, flaps: FlapMemory, name: string, now: number): Unheld {
  if (unheld.state !== 'up' || now >= flaps.heldUntil) return unheld
  const until = new Date(flaps.heldUntil).toISOString()
  const message = `${name} is back, but went down ${flaps.downs.length} times within an hour: it is preferred for nothing until ${until}`
  return { state: 'degraded', reason: 'Flapping', message }
}

/** Since when it is up without interruption: looks that tell nothing are none (I9). */
function readySinceNow(
  before: Judgement | undefined,
  state: Judgement['state'],
  kind: Standing['kind'],
  reconnectedAt: number | undefined,
  now: number,
): number | undefined {
  if (kind === 'unseen') return before?.readySince
  if (state !== 'up') return undefined
  // It may have been away between two looks.
  return Math.max(before?.readySince ?? now, reconnectedAt ?? -Infinity)
}

/** Whether it shows another public IP than before. */
function isReconnected(before: Judgement | undefined, { control }: NodeSigns): boolean {
  const was = before?.reconnects?.publicIp ?? ''
  return (
    control.kind === 'reading' && control.publicIp !== '' && was !== '' && control.publicIp !== was
  )
}

/** What the engines' words come to; they count only while Gluetun says that the tunnel stands. */
function hearEngines(
  signs: NodeSigns,
  word: Verdict,
  before: Judgement | undefined,
  isGone: boolean,
  freshMs: number,
  now: number,
) {
  const hearing = hear(signs.words, freshMs, now)
  const condemnations = hearing.kind === 'connected' ? 0 : (before?.condemnations ?? 0)
  const { connectedElsewhereAt } = signs
  const tunnelSigns: TunnelSigns = { hearing, connectedElsewhereAt, condemnations }
  if (word.state !== 'up') {
    // What is not seen may stand all the while; what came back from elsewhere is a new tunnel.
    const tunnel = isGone ? undefined : before?.tunnel
    return { verdict: 'works' as const, count: 0, tunnel, condemnations, reviews: [] }
  }
  // With another address it went and came back between two looks: what was said of the one before is over.
  const known = isReconnected(before, signs) ? undefined : before?.tunnel
  const { verdict, memory } = judgeTunnel(known, tunnelSigns, now)
  const isNewlyDead = verdict === 'dead' && known?.condemnedAt === undefined
  const counted = condemnations + Number(isNewlyDead)
  const reviews = tunnelReviews(memory, { ...tunnelSigns, condemnations: counted }, now)
  const count = hearing.kind === 'cutOff' ? hearing.count : 0
  return { verdict, count, tunnel: memory, condemnations: counted, reviews }
}

/**
 * Judges a node from several independent signs: container, control server, and the engines' own words. Pure. `down`
 * needs positive evidence (I9): see {@link gluetunWord} and {@link judgeTunnel}. A forwarded port of 0 never changes
 * the state.
 */
export function judgeNode(
  signs: NodeSigns,
  previous: Judgement | undefined,
  settings: JudgeSettings,
  now: number,
): Judgement {
  const generation: Generation | undefined = generationNow(signs.container, previous)
  const before = previous?.generation === generation ? previous : undefined
  const { control, name } = signs
  const publicIp = control.kind === 'reading' ? control.publicIp : ''
  const ipSeen = (before?.ipSeen ?? false) || publicIp !== ''
  const told = portsTold(signs)
  const port = countPort(told, before, settings.portGraceMs, now)
  const portLosses = afterWord(previous?.portLosses ?? [], told, before, now)
  const doubtSince = doubtBegan(signs, before, ipSeen, now)
  const word = gluetunWord(signs, {
    ms: doubtSince === undefined ? 0 : now - doubtSince,
    ipSeen,
    portLost: port.portLostAt !== undefined,
    wasDown: previous?.state === 'down',
  })
  const isGone = word.state === 'down' || (word.state === 'unknown' && doubtSince !== undefined)
  const heard = hearEngines(signs, word, before, isGone, settings.wordFreshMs, now)

  const unheld = withWords(word, heard.verdict, heard.count, name)
  const flaps = afterJudgement(previous?.flaps ?? NEVER_FLAPPED, unheld.state, now)
  const { state, reason, message } = withHold(unheld, flaps, name, now)
  const isDown = state === 'down'
  const kind = isDown || isGone ? 'gone' : word.state === 'unknown' ? 'unseen' : 'stands'
  const reconnects = afterLook(before?.reconnects, { kind, publicIp }, now)
  const since = previous?.state === state ? previous.since : now
  const lostAt = isDown ? since + settings.downGraceMs : undefined
  return {
    state,
    reason,
    message,
    since,
    lost: lostAt !== undefined && now >= lostAt,
    ...port,
    portLosses,
    readySince: readySinceNow(before, state, kind, reconnects.reconnectedAt, now),
    generation,
    reconnectedAt: reconnects.reconnectedAt,
    downSince: isDown ? (before?.downSince ?? now) : undefined,
    grant: afterPortLook(before?.grant, { kind, told }, now),
    ipSeen,
    doubtSince,
    tunnel: heard.tunnel,
    condemnations: heard.condemnations,
    reconnects,
    flaps,
    reviewAt: nextReview(now, [
      lostAt,
      port.portLostAt === undefined ? undefined : port.portLostAt + settings.portGraceMs,
      ...doubtReviews(doubtSince),
      ...heard.reviews,
      flaps.heldUntil,
    ]),
  }
}
