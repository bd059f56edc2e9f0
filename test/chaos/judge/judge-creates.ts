import type { EngineFact, Facts, Violation } from './facts.ts'

/** An edit reaches a leader so much later: until then either spec may be the one that counts, ms. */
const EDIT_MS = 10_000

/** Engines that count when this one comes: created, and neither exited nor given up. */
function othersAlive(facts: Facts, index: number): readonly EngineFact[] {
  const alive = new Map<string, EngineFact>()
  for (const engine of facts.engines.slice(0, index)) {
    if (engine.action === 'create') alive.set(engine.id, engine)
    if (engine.action === 'die' || engine.action === 'destroy') alive.delete(engine.id)
  }
  const at = facts.engines[index]?.at ?? 0
  const failed = facts.marks.filter((mark) => mark.kind === 'failed' && mark.at <= at)
  return [...alive.values()].filter(({ id }) => !failed.some((mark) => mark.id === id))
}

function boundAt(facts: Facts, at: number): { readonly count: number; readonly names: number } {
  const before = facts.specs.filter((spec) => spec.at <= at)
  const recent = before.filter(
    (spec, i) => (before[i + 1]?.at ?? at) >= at - EDIT_MS || spec === before.at(-1),
  )
  const count = Math.max(0, ...recent.map(({ replicas, maxSurge }) => replicas + maxSurge))
  // Slots 0 … count − 1, and the forwarded engine's own place.
  return { count, names: count + 1 }
}

/** I2: a leader creates within desired + maxSurge; what a stale one's late call creates is bounded by names. */
export function judgeCreates(facts: Facts): readonly Violation[] {
  return facts.engines.flatMap((engine, index): Violation[] => {
    if (engine.action !== 'create') return []
    const others = othersAlive(facts, index)
    const epoch = Number(engine.labels['acefleet.epoch'])
    const isFromTerm = (each: EngineFact) => Number(each.labels['acefleet.epoch']) <= epoch
    const standing = facts.terms.findLast(({ at }) => at <= engine.at)
    const isLate = standing !== undefined && epoch < standing.epoch
    const { count, names } = boundAt(facts, engine.at)
    // A later term's engines came while this call was on its way: nobody could count them.
    const known = isLate ? others : others.filter(isFromTerm)
    const most = isLate ? names : count
    if (known.length < most) return []
    const message = `${engine.name} was created beside ${known.length} others, when ${most} were the most`
    return [{ invariant: 'I2', at: engine.at, message }]
  })
}
