import { makeRandom, type Random } from '../sim/random.ts'
import type { Fault } from './fault.ts'
import { type ChaosTiming, DEFAULT, SHORT } from './timing.ts'

/** Rounds that follow one another on one stage. */
export interface Block {
  readonly leaseServers: 1 | 3
  readonly timing: ChaosTiming
  readonly rounds: readonly DrawnRound[]
}

export interface DrawnRound {
  /** 1, 2, 3 … in the order in which they run. */
  readonly number: number
  readonly fault: Fault
  readonly random: Random
}

/** Engines' places that fail again and again back off: a stage is left before that counts. */
const LONGEST_BLOCK = 8

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** A deck of every kind once, then another one, until there are enough. */
function drawFaults(kinds: readonly Fault[], rounds: number, random: Random): Fault[][] {
  const decks: Fault[][] = []
  for (let left = rounds; left > 0; left -= kinds.length)
    decks.push(shuffled(kinds, random.fork(`deck ${decks.length}`)).slice(0, left))
  return decks
}

/** All that chance decides, from the seed alone: when things happen is the machine's. */
export function drawBlocks(kinds: readonly Fault[], rounds: number, seed: number): Block[] {
  const random = makeRandom(seed)
  let number = 0
  const blocks: Block[] = []
  for (const deck of drawFaults(kinds, rounds, random)) {
    const drawn = deck.map((fault) => ({
      fault,
      leaseServers: fault.leaseServers ?? random.pick([1, 3] as const),
      timing: fault.isAtDefaults === true ? DEFAULT : SHORT,
    }))
    for (const timing of [SHORT, DEFAULT])
      for (const leaseServers of [1, 3] as const) {
        const alike = drawn.filter((d) => d.timing === timing && d.leaseServers === leaseServers)
        for (let i = 0; i < alike.length; i += LONGEST_BLOCK) {
          const rounds = alike.slice(i, i + LONGEST_BLOCK).map(({ fault }) => {
            number += 1
            return { number, fault, random: random.fork(`round ${number}`) }
          })
          blocks.push({ leaseServers, timing, rounds })
        }
      }
  }
  return blocks
}
