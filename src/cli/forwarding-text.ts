import type { ForwardedCandidateView, ForwardedChoiceView } from '../api/forwarding-view.ts'
import { assertNever } from '../assert-never.ts'
import { ageOf } from './age.ts'

function upText({ state, readySince }: ForwardedCandidateView, now: number): string {
  return readySince === null ? state : `up for ${ageOf(readySince, now)}`
}

function lossText({ portLosses }: ForwardedCandidateView): string {
  return `${portLosses} port ${portLosses === 1 ? 'loss' : 'losses'}`
}

function healthText(candidate: ForwardedCandidateView, now: number): string {
  const up = upText(candidate, now)
  const without = candidate.readySince === null ? up : `${up} without interruption`
  return `${without}, ${lossText(candidate)} in the last hour`
}

function otherText(candidate: ForwardedCandidateView, now: number): string {
  if (candidate.obstacle !== null) return candidate.obstacle
  return `${candidate.node}: ${upText(candidate, now)}, ${lossText(candidate)}`
}

/** Why a forwarded engine is where it is, or is to be, in one line. */
export function choiceText(choice: ForwardedChoiceView, now: number): string {
  const { node, rule, held, candidates } = choice
  const [chosen, ...rest] = candidates
  const others = rest.map((each) => otherText(each, now)).join('; ')
  const beside = others === '' ? '' : ` (${others})`
  const health = chosen === undefined ? '' : healthText(chosen, now)
  const name = held ? node : `${node} next`
  switch (rule) {
    case 'asked':
      return `${name}: asked for by forward --to`
    case 'preferred':
      return `${name}: preferred by spec`
    case 'only':
      return `${name}: the only node it can be on`
    case 'healthiest':
      return `${name}: ${health}${beside}`
    case 'stays':
      return `${name}: stays where it is: ${chosen?.obstacle ?? health}${beside}`
    default:
      return assertNever(rule)
  }
}
