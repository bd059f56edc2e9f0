import type { EngineHealth, NetworkWord } from '../observe/observation.ts'
import type { ProbeResult } from './client.ts'

/** Of an engine that was never probed: not ready, and without a failure. */
export function unprobed(firstReadyAt: number | undefined): EngineHealth {
  return {
    ready: false,
    firstReadyAt,
    readySince: undefined,
    failures: 0,
    failingSince: undefined,
    lastError: '',
    blindSince: undefined,
    network: undefined,
  }
}

/** The word after one more answer; one that says nothing of the network takes nothing back. */
function afterWord(
  before: NetworkWord | undefined,
  connected: boolean | undefined,
  now: number,
): NetworkWord | undefined {
  if (connected === undefined) return before
  const since = before?.connected === connected ? before.since : now
  return { connected, since, at: now }
}

/**
 * The health after one more probe. One good answer makes ready; only `limit` failures in a row make unready. What
 * failed on our side is not counted, and while `isHeld` the failure that would condemn is not counted either.
 */
export function afterProbe(
  health: EngineHealth,
  result: ProbeResult,
  limit: number,
  isHeld: boolean,
  now: number,
): EngineHealth {
  if (result.kind === 'ready')
    return {
      ready: true,
      firstReadyAt: health.firstReadyAt ?? now,
      readySince: health.readySince ?? now,
      failures: 0,
      failingSince: undefined,
      lastError: '',
      blindSince: undefined,
      network: afterWord(health.network, result.connected, now),
    }
  const lastError = result.message
  if (result.kind === 'blind') return { ...health, lastError, blindSince: health.blindSince ?? now }

  const isSpared = isHeld && health.failures + 1 >= limit
  const failures = isSpared ? health.failures : health.failures + 1
  const ready = health.ready && failures < limit
  return {
    ...health,
    ready,
    readySince: ready ? health.readySince : undefined,
    failures,
    failingSince: health.failingSince ?? now,
    lastError,
    blindSince: isSpared ? (health.blindSince ?? now) : undefined,
  }
}
