import type { ContainerId, ContainerSummary } from '../docker/port.ts'
import { readLabels } from '../engine/labels.ts'
import type { EngineProber } from '../engine/prober.ts'
import type { EngineWord } from '../vpn/judge.ts'
import type { Generation } from './observation.ts'
import { hasProcess, joinedId } from './rows.ts'

/** What an engine said of its network, and in whose network it sits. */
export interface SaidWord extends EngineWord {
  readonly joined: string
  /** The generation for which it was made; undefined where its labels do not say. */
  readonly generation: string | undefined
}

/** What the engines that sit in another container's network said last. */
export function wordsSaid(
  ours: readonly ContainerSummary[],
  prober: Pick<EngineProber, 'health'>,
): readonly SaidWord[] {
  return ours.flatMap((row): SaidWord[] => {
    const joined = joinedId(row.networkMode)
    const { network, firstReadyAt } = prober.health(row.id)
    if (joined === undefined || network === undefined || !hasProcess(row)) return []
    const { connected, since, at } = network
    const readyAt = firstReadyAt ?? at
    return [{ connected, since, at, readyAt, joined, generation: generationOn(row) }]
  })
}

const generationOn = ({ labels }: ContainerSummary) => readLabels(labels).vpnGeneration

/** What is said behind one tunnel. An engine in a dead namespace is cut off whatever the tunnel does. */
export function wordsOf(
  said: readonly SaidWord[],
  id: ContainerId | undefined,
  generation: Generation | undefined,
): readonly EngineWord[] {
  return said.filter((word) => word.joined === id && word.generation === generation)
}

/** Unix ms at which an engine behind another tunnel last said that it is connected; undefined when none did. */
export function connectedElsewhereAt(
  said: readonly SaidWord[],
  id: ContainerId | undefined,
): number | undefined {
  const times = said.flatMap(({ joined, connected, at }) =>
    connected && joined !== id ? [at] : [],
  )
  return times.length === 0 ? undefined : Math.max(...times)
}
