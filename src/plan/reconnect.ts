import type { NetworkWord, ObservedEngine, ObservedNode } from '../observe/observation.ts'
import type { PlanInput } from './input.ts'

/** An engine that came through a reconnect has its own network back within this time, or stays cut off, ms. */
const RETURN_MS = 60_000
/** How often a word that is yet to come, and wakes nobody, is looked for, ms. */
const LOOK_MS = 5_000

/** Whether a word was said lately, and after an instant. */
function isSaidSince({ at }: NetworkWord, from: number, now: number): boolean {
  return at >= from && now - at <= RETURN_MS
}

/** When the tunnel of its node came back under it; undefined for one that came later, and while nothing may be done. */
function cameThrough({ health }: ObservedEngine, node: ObservedNode | undefined, now: number) {
  const { state, reconnectedAt } = node ?? {}
  // By our own clock, as the reconnect is: Docker's may be another. One in the future was told before ours was set back.
  if (state !== 'up' || reconnectedAt === undefined || reconnectedAt > now) return undefined
  return (health.firstReadyAt ?? Infinity) < reconnectedAt ? reconnectedAt : undefined
}

/** Cut off for so long after the reconnect, by its own word, that it will not come back by itself. */
function isLeftBehind({ health }: ObservedEngine, reconnectedAt: number, now: number): boolean {
  const { network } = health
  const isLate = reconnectedAt + RETURN_MS
  if (network === undefined || network.connected || network.since >= isLate) return false
  return isSaidSince(network, isLate, now)
}

/**
 * Why an engine is to be replaced after its tunnel came back (`vpn.restartEnginesOnReconnect`); undefined when it is
 * not. An engine that is cut off together with all others is not at fault, and no new one would be better.
 */
export function reconnectMisfit(
  container: ObservedEngine,
  node: ObservedNode | undefined,
  { fleet, observation, now }: PlanInput,
): string | undefined {
  const policy = fleet.vpn.restartEnginesOnReconnect
  const reconnectedAt = policy === 'never' ? undefined : cameThrough(container, node, now)
  if (node === undefined || reconnectedAt === undefined) return undefined
  if (policy === 'always') return `the VPN of ${node.name} reconnected`
  const isAnyConnected = observation.engines.some(
    ({ id, health: { network } }) =>
      id !== container.id && network?.connected && isSaidSince(network, reconnectedAt, now),
  )
  return isAnyConnected && isLeftBehind(container, reconnectedAt, now)
    ? `it reaches nothing since the VPN of ${node.name} reconnected`
    : undefined
}

/** When an engine that is still cut off after a reconnect is to be looked at again. */
export function reconnectDueAt(
  container: ObservedEngine,
  node: ObservedNode | undefined,
  now: number,
): number | undefined {
  const reconnectedAt = cameThrough(container, node, now)
  if (reconnectedAt === undefined || container.health.network?.connected !== false) return undefined
  const lateAt = reconnectedAt + RETURN_MS
  return now < lateAt + RETURN_MS ? Math.max(lateAt, now + LOOK_MS) : undefined
}
