import type { ObservedNode } from '../observe/observation.ts'
import type { CureKind, CureRecord, NodeNote } from '../store/node-note.ts'
import { jitter } from './backoff.ts'

/** From one try to the next, doubled with each, ± 20 %, ms. Gluetun itself takes up to two minutes to give a tunnel up. */
const CURE_PAUSE_MS = { first: 60_000, longest: 1_800_000 }
/** A node that has been well for so long is cured: its next trouble is a new one, ms. */
const WELL_MS = 600_000
/** Between two attempts to start what a restart left stopped, ms. */
const RESUME_PAUSE_MS = 15_000
/** What was begun sends its stop within so long, ms: it may be decided 5 s before (PLAN_AGE_MS). */
const STOPS_WITHIN_MS = 6_000
/** How long a node that was restarted is waited for before another one is, ms: connecting and its port take some 5 s. */
const SETTLING_MS = 30_000
/** How long a restart may take of which nobody has told the end, ms: the longest that Gluetun was seen to take, and its start. */
const UNDER_WAY_MS = 120_000

const NO_NOTE: NodeNote = { hadPort: false, cures: {} }

/** The record of earlier tries, where they say anything of this node as it is, under this spec. */
export function recordOf(
  note: NodeNote | undefined,
  kind: CureKind,
  { generation }: Pick<ObservedNode, 'generation'>,
  specHash: string,
): CureRecord | undefined {
  const record = note?.cures[kind]
  // A restart of the container makes a new generation itself.
  const isOfThis = kind === 'container' || record?.generation === generation
  return isOfThis && record?.specHash === specHash ? record : undefined
}

/** The note with one more try in it, begun now. */
export function withTry(
  note: NodeNote = NO_NOTE,
  kind: CureKind,
  node: Pick<ObservedNode, 'generation' | 'containerId'>,
  specHash: string,
  now: number,
): NodeNote {
  const tries = (recordOf(note, kind, node, specHash)?.tries ?? 0) + 1
  const { first, longest } = CURE_PAUSE_MS
  const pauseMs = Math.min(first * 2 ** (tries - 1), longest)
  const spread = node.containerId === undefined ? 0 : jitter(node.containerId)
  const record: CureRecord = {
    tries,
    begunAt: now,
    notBefore: Math.round(now + pauseMs * (1 + spread)),
    generation: node.generation ?? '',
    specHash,
    resumeAt: now,
    endedAt: undefined,
    failure: '',
  }
  return { ...note, cures: { ...note.cures, [kind]: record } }
}

/** The note with the latest try begun again, because it is not known to have ended. */
export function withResume(note: NodeNote, kind: CureKind, now: number): NodeNote {
  const again = { begunAt: now, resumeAt: now + RESUME_PAUSE_MS }
  return withChange(note, kind, again)
}

/**
 * How a try ended: `untouched`, nothing was done; `done`, the VPN or container was started; `open`, what it stopped may
 * still stand still.
 */
export type TryEnd = 'untouched' | 'done' | 'open'

/** The note when a try is over; `failure` is empty where it did what it should. */
export function withEnd(
  note: NodeNote,
  kind: CureKind,
  { failure, end }: { readonly failure: string; readonly end: TryEnd },
  now: number,
): NodeNote {
  const resumeAt = end === 'open' ? now + RESUME_PAUSE_MS : undefined
  const endedAt = end === 'done' ? now : undefined
  return withChange(note, kind, { failure, resumeAt, endedAt })
}

function withChange(note: NodeNote, kind: CureKind, change: Partial<CureRecord>): NodeNote {
  const record = note.cures[kind]
  if (record === undefined) return note
  return { ...note, cures: { ...note.cures, [kind]: { ...record, ...change } } }
}

/** Whether a node was read after an instant, and has what a cure of the kind is for. */
function isSeenWell({ state, control, grant }: ObservedNode, kind: CureKind, from: number) {
  if (control.kind !== 'reading' || control.at <= from) return false
  return kind === 'port' ? grant?.isGranted === true : state === 'up' || state === 'degraded'
}

/** Until when a try stands in the way of others, by time alone; undefined when it does not. */
export function underWayUntil(
  { resumeAt, begunAt, endedAt, generation }: CureRecord,
  kind: CureKind,
  node: ObservedNode,
): number | undefined {
  if (endedAt !== undefined)
    return isSeenWell(node, kind, endedAt) ? undefined : endedAt + SETTLING_MS
  if (resumeAt === undefined || generation !== node.generation) return undefined
  return isSeenWell(node, 'vpn', begunAt + STOPS_WITHIN_MS) ? undefined : begunAt + UNDER_WAY_MS
}

function isOver(kind: CureKind, record: CureRecord, node: ObservedNode, now: number): boolean {
  const { state, since, grant } = node
  const isLong = (from: number) => now - Math.max(from, record.begunAt) >= WELL_MS
  if (state !== 'up' || !isLong(since)) return false
  return kind !== 'port' || (grant?.isGranted === true && isLong(grant.since))
}

/** Whether what a try may have left stopped is seen to run, or is gone. */
function isSettled({ begunAt, generation }: CureRecord, node: ObservedNode): boolean {
  const isOther = node.generation !== undefined && generation !== node.generation
  return isOther || isSeenWell(node, 'vpn', begunAt + STOPS_WITHIN_MS)
}

/** What is to be remembered of a node after this look; the very same note where nothing changes. */
export function afterNodeLook(
  note: NodeNote | undefined,
  node: ObservedNode,
  now: number,
): NodeNote | undefined {
  const hadPort = note?.hadPort === true || (node.grant?.isGranted ?? false)
  let isChanged = hadPort !== (note?.hadPort ?? false)
  const cures: Partial<Record<CureKind, CureRecord>> = {}
  for (const [kind, record] of Object.entries(note?.cures ?? {}) as [CureKind, CureRecord][]) {
    if (isOver(kind, record, node, now)) {
      isChanged = true
      continue
    }
    const isClosed = record.resumeAt !== undefined && isSettled(record, node)
    if (isClosed) isChanged = true
    cures[kind] = isClosed ? { ...record, resumeAt: undefined } : record
  }
  if (!isChanged) return note
  return hadPort || Object.keys(cures).length > 0 ? { hadPort, cures } : undefined
}
