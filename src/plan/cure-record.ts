import type { ObservedNode } from '../observe/observation.ts'
import type { CureKind, CureRecord, NodeNote } from '../store/node-note.ts'
import { jitter } from './backoff.ts'

/** From one try to the next, doubled with each, ± 20 %, ms. Gluetun itself takes up to two minutes to give a tunnel up. */
const CURE_PAUSE_MS = { first: 60_000, longest: 1_800_000 }
/** A node that has been well for so long is cured: its next trouble is a new one, ms. */
const WELL_MS = 600_000
/** Between two attempts to start what a restart left stopped, ms. */
const RESUME_PAUSE_MS = 15_000
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
    failure: '',
  }
  return { ...note, cures: { ...note.cures, [kind]: record } }
}

/** The note with the latest try begun again, because it is not known to have ended. */
export function withResume(note: NodeNote, kind: CureKind, now: number): NodeNote {
  const record = note.cures[kind]
  if (record === undefined) return note
  const again = { ...record, begunAt: now, resumeAt: now + RESUME_PAUSE_MS }
  return { ...note, cures: { ...note.cures, [kind]: again } }
}

/** The note when a try is over. `isOpen`: what it stopped may still stand still. */
export function withEnd(
  note: NodeNote,
  kind: CureKind,
  { failure, isOpen }: { readonly failure: string; readonly isOpen: boolean },
  now: number,
): NodeNote {
  const record = note.cures[kind]
  if (record === undefined) return note
  const resumeAt = isOpen ? now + RESUME_PAUSE_MS : undefined
  return { ...note, cures: { ...note.cures, [kind]: { ...record, failure, resumeAt } } }
}

/** Whether a try may still be at work, told of or not. */
export function isUnderWay(
  { resumeAt, begunAt, generation }: CureRecord,
  node: Pick<ObservedNode, 'generation' | 'state'>,
  now: number,
): boolean {
  const isSame = generation === node.generation
  const stands = node.state === 'up' || node.state === 'degraded'
  return resumeAt !== undefined && isSame && !stands && now < begunAt + UNDER_WAY_MS
}

/** When {@link isUnderWay} ends by itself. */
export function underWayUntil({ begunAt }: CureRecord): number {
  return begunAt + UNDER_WAY_MS
}

function isOver(kind: CureKind, record: CureRecord, node: ObservedNode, now: number): boolean {
  const { state, since, grant } = node
  const isLong = (from: number) => now - Math.max(from, record.begunAt) >= WELL_MS
  if (state !== 'up' || !isLong(since)) return false
  return kind !== 'port' || (grant?.isGranted === true && isLong(grant.since))
}

/** Whether what a try may have left stopped is seen to run, or is gone. */
function isSettled(record: CureRecord, node: ObservedNode): boolean {
  const stands = node.state === 'up' || node.state === 'degraded'
  return stands || (node.generation !== undefined && record.generation !== node.generation)
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
