/** What one engine in a node's network said last of its connection. Times in Unix ms. */
export interface EngineWord {
  readonly connected: boolean
  /** When it first said so without saying otherwise since. */
  readonly since: number
  /** When it last said so. */
  readonly at: number
  /** When it first answered anything. */
  readonly readyAt: number
}

/** What the engines behind one tunnel say of it together. */
export type Hearing =
  /** One of them reaches its network: so the tunnel works, whatever the others say. */
  | { readonly kind: 'connected' }
  /** Nobody says anything that counts: nothing may be concluded (I9). */
  | { readonly kind: 'silent' }
  /** All that say anything say that they are cut off: the last of them since `since`, and still at `at`. */
  | { readonly kind: 'cutOff'; readonly since: number; readonly at: number; readonly count: number }

/** What is remembered of a tunnel that stands by Gluetun's word. Times in Unix ms. */
export interface TunnelMemory {
  /** Since when it stands. */
  readonly standsSince: number
  /** When one of them was last heard to be connected; undefined when none was. */
  readonly connectedAt: number | undefined
  /** Since when all engines behind it say that they are cut off; undefined while they do not. */
  readonly cutOffSince: number | undefined
  /** When it was judged dead by that; undefined while it is not. */
  readonly condemnedAt: number | undefined
}

export type TunnelVerdict = 'works' | 'doubted' | 'dead'

export interface TunnelSigns {
  readonly hearing: Hearing
  /** Unix ms at which an engine behind another tunnel last said that it is connected; undefined when none did. */
  readonly connectedElsewhereAt: number | undefined
  /** How often the tunnel was judged dead before, without an engine's word for it since. */
  readonly condemnations: number
}

/** An engine finds its network within this time of its start; until then its no says nothing of the tunnel, ms. */
export const SETTLING_MS = 30_000
/** How long all must say so before new engines go elsewhere: a reconnect takes 2 to 4 s (measured), ms. */
export const DOUBTED_MS = 10_000
/** … and how long before the tunnel counts as dead, ms. */
export const DEAD_MS = DOUBTED_MS + 30_000
/** A dead tunnel that nobody is left to speak for is tried again after this time, doubled each time up to the most, ms. */
const RETRY_MS = { first: 60_000, most: 600_000 }
/** When a word that may come at any moment is looked for, ms. */
const LOOK_MS = 2_000

/** Puts the words of engines behind one tunnel together; one older than `freshMs` says nothing. */
export function hear(words: readonly EngineWord[], freshMs: number, now: number): Hearing {
  const fresh = words.filter((word) => now - word.at <= freshMs)
  if (fresh.some((word) => word.connected)) return { kind: 'connected' }
  const counting = fresh.filter((word) => word.at - word.readyAt >= SETTLING_MS)
  if (counting.length === 0) return { kind: 'silent' }
  return {
    kind: 'cutOff',
    since: Math.max(
      ...counting.map(({ since, readyAt }) => Math.max(since, readyAt + SETTLING_MS)),
    ),
    at: Math.max(...counting.map(({ at }) => at)),
    count: counting.length,
  }
}

function retryAt(condemnedAt: number, condemnations: number): number {
  const waitMs = RETRY_MS.first * 2 ** Math.max(0, condemnations - 1)
  return condemnedAt + Math.min(RETRY_MS.most, waitMs)
}

/** How far a run of words that all are cut off proves anything: from its first to its latest, not to now. */
function provenBy(memory: TunnelMemory, { hearing, connectedElsewhereAt }: TunnelSigns) {
  const from = memory.cutOffSince
  if (hearing.kind !== 'cutOff' || from === undefined) return 'works'
  if (hearing.at - from < DOUBTED_MS) return 'works'
  // Otherwise it may be the Internet at large, and nothing would be better elsewhere.
  const isBetterElsewhere =
    connectedElsewhereAt !== undefined && connectedElsewhereAt - from >= DOUBTED_MS
  return hearing.at - from >= DEAD_MS && isBetterElsewhere ? 'dead' : 'doubted'
}

/**
 * Judges a tunnel that stands by Gluetun's word by the words of the engines behind it. Pure. A frozen server looks
 * running and healthy for minutes (measured: 103 to 177 s), while they know at once.
 */
export function judgeTunnel(
  before: TunnelMemory | undefined,
  signs: TunnelSigns,
  now: number,
): { readonly verdict: TunnelVerdict; readonly memory: TunnelMemory } {
  const { hearing, condemnations } = signs
  const standsSince = before?.standsSince ?? now
  const connectedAt = hearing.kind === 'connected' ? now : before?.connectedAt
  // One that was cut off while another was not, and is left alone now, has said nothing of the tunnel until then.
  const cutOffSince =
    hearing.kind === 'cutOff'
      ? (before?.cutOffSince ?? Math.max(hearing.since, standsSince, connectedAt ?? -Infinity))
      : undefined
  const memory = { standsSince, connectedAt, cutOffSince, condemnedAt: before?.condemnedAt }
  const { condemnedAt } = memory
  if (condemnedAt !== undefined) {
    const isOver =
      hearing.kind === 'connected' ||
      (hearing.kind === 'silent' && now >= retryAt(condemnedAt, condemnations))
    if (!isOver) return { verdict: 'dead', memory }
    return { verdict: 'works', memory: { ...memory, condemnedAt: undefined } }
  }
  const verdict = provenBy(memory, signs)
  return { verdict, memory: verdict === 'dead' ? { ...memory, condemnedAt: now } : memory }
}

/** When time alone, or a word that wakes nobody, may change the verdict. */
export function tunnelReviews(
  { cutOffSince, condemnedAt }: TunnelMemory,
  { hearing, connectedElsewhereAt, condemnations }: TunnelSigns,
  now: number,
): readonly number[] {
  if (condemnedAt !== undefined) return [retryAt(condemnedAt, condemnations)]
  if (hearing.kind !== 'cutOff' || cutOffSince === undefined) return []
  const isDoubted = hearing.at - cutOffSince >= DOUBTED_MS
  // Without an engine elsewhere that is connected it stays as it is until one says so, and that wakes.
  if (isDoubted && now - (connectedElsewhereAt ?? -Infinity) > DEAD_MS) return []
  return [Math.max(cutOffSince + (isDoubted ? DEAD_MS : DOUBTED_MS), now + LOOK_MS)]
}
