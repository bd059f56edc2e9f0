import { z } from 'zod'

/**
 * What may be done about a VPN node: stop and start of its VPN because it is down, or because it shows no forwarded
 * port, and restart of its container.
 */
export type CureKind = 'vpn' | 'port' | 'container'

/** How often one cure was tried in a row, written before each try. Times in Unix ms. */
export interface CureRecord {
  readonly tries: number
  readonly begunAt: number
  /** No other of this kind is begun before. */
  readonly notBefore: number
  /** Of the node when it was begun: tries in another one say nothing of this one. */
  readonly generation: string
  /** Of what the spec said of VPN nodes and forwarding then: who edits that wants it tried again. */
  readonly specHash: string
  /** While it is not known to have ended: when what it may have left stopped may be started, without any grace. */
  readonly resumeAt: number | undefined
  /** When it ended, having done something: its node is waited for a while. */
  readonly endedAt: number | undefined
  /** Why it failed, for people; empty while it did not. */
  readonly failure: string
}

/** What is remembered of a VPN node. */
export interface NodeNote {
  /** It has had a forwarded port once: what it does not show now is worth waiting for. */
  readonly hadPort: boolean
  readonly cures: Readonly<Partial<Record<CureKind, CureRecord>>>
}

const cureSchema = z.object({
  tries: z.number(),
  begunAt: z.number(),
  notBefore: z.number(),
  generation: z.string(),
  specHash: z.string(),
  resumeAt: z.number().optional(),
  endedAt: z.number().optional(),
  failure: z.string(),
})

const nodeNoteSchema = z.object({
  hadPort: z.boolean(),
  cures: z.object({
    vpn: cureSchema.optional(),
    port: cureSchema.optional(),
    container: cureSchema.optional(),
  }),
})

/** The same note by another clock. */
export function shiftNodeNote(
  { hadPort, cures }: NodeNote,
  shift: (ms: number) => number,
): NodeNote {
  const shifted = Object.entries(cures).map(([kind, { resumeAt, endedAt, ...cure }]) => [
    kind,
    {
      ...cure,
      begunAt: shift(cure.begunAt),
      notBefore: shift(cure.notBefore),
      resumeAt: resumeAt === undefined ? undefined : shift(resumeAt),
      endedAt: endedAt === undefined ? undefined : shift(endedAt),
    },
  ])
  return { hadPort, cures: Object.fromEntries(shifted) }
}

/** Reads one from JSON text; its times go through `shift`. */
export function parseNodeNote(text: string, shift: (ms: number) => number = (ms) => ms): NodeNote {
  return shiftNodeNote(nodeNoteSchema.parse(JSON.parse(text)) as NodeNote, shift)
}
