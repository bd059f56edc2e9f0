import type { Facts, Violation } from './facts.ts'
import { judgeCreates } from './judge-creates.ts'
import { judgeEnds } from './judge-ends.ts'
import { judgeTerms } from './judge-terms.ts'

/** All that the facts show to have been wrong, beside what the witness at the daemon judges by itself. */
export function judge(facts: Facts): readonly Violation[] {
  return [...judgeEnds(facts), ...judgeTerms(facts), ...judgeCreates(facts)]
}
