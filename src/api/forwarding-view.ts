import type { ForwardedChoice } from '../telemetry/status.ts'
import { type IsoTime, isoTime } from './iso-time.ts'

/** A node as the choice of a forwarded engine's place saw it. */
export interface ForwardedCandidateView {
  readonly node: string
  readonly state: ForwardedChoice['candidates'][number]['state']
  /** Since when it is up without interruption. */
  readonly readySince: IsoTime | null
  /** Within the last hour. */
  readonly portLosses: number
  /** Why it cannot have the forwarded engine; null when it can. */
  readonly obstacle: string | null
}

/** Where a place's forwarded engine is, or is to be, and why there. */
export interface ForwardedChoiceView {
  readonly slot: string
  readonly node: string
  readonly rule: ForwardedChoice['rule']
  /** Whether an engine is there that stays; otherwise one is to come. */
  readonly held: boolean
  /** The chosen one, the others that can have it, best first, and those that cannot. */
  readonly candidates: readonly ForwardedCandidateView[]
}

export function forwardedChoiceView(choice: ForwardedChoice): ForwardedChoiceView {
  const { slot, node, rule, held, candidates } = choice
  return {
    slot,
    node,
    rule,
    held,
    candidates: candidates.map((each) => ({
      node: each.node,
      state: each.state,
      readySince: isoTime(each.readySince),
      portLosses: each.portLosses,
      obstacle: each.obstacle ?? null,
    })),
  }
}
