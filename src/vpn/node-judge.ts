import { type Judgement, type JudgeSettings, judgeNode, type NodeSigns } from './judge.ts'

/** Judges nodes and remembers the last judgement of each, for those after it. */
export interface NodeJudge {
  judge(signs: NodeSigns, settings: JudgeSettings, now: number): Judgement
  /** Forgets all nodes but these. */
  retain(names: readonly string[]): void
}

export function createNodeJudge(): NodeJudge {
  const last = new Map<string, Judgement>()
  return {
    judge: (signs, settings, now) => {
      const judgement = judgeNode(signs, last.get(signs.name), settings, now)
      last.set(signs.name, judgement)
      return judgement
    },
    retain: (names) => {
      for (const name of last.keys()) if (!names.includes(name)) last.delete(name)
    },
  }
}
