import type { Docker } from '../docker/port.ts'
import { type Lease, LeaseLost } from '../lease/lease.ts'
import type { EngineSettings } from '../spec/fleet.ts'
import type { EventReason, NewFleetEvent } from '../telemetry/event.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'

/** How long after a failed look or pull the next is tried, ms; doubled up to the longest. */
const RETRY_MS = { first: 2_000, longest: 120_000 }

type PullPolicy = EngineSettings['pullPolicy']

export interface ImagesParts {
  readonly docker: Docker
  readonly lease: Lease
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  /** An image came, or will not come: the loop should look again. */
  readonly onChange: () => void
}

/** Sees to it that an image is there before engines are made of it. Lives for one term. */
export interface Images extends AsyncDisposable {
  /** Undefined when engines can be made of the image; else why they cannot yet. Looks and pulls in the background. */
  lacks(image: string, policy: PullPolicy): PlannedCondition | undefined
  /** A create found it missing. */
  missing(image: string): void
  /** Unix ms at which a failed look or pull is repeated; undefined when none waits. */
  retryAt(): number | undefined
}

interface ImageState {
  readonly kind: 'present' | 'working' | 'failed'
  readonly message: string
  readonly retryAt: number
  readonly failures: number
}

export function makeImages({ docker, lease, clock, record, onChange }: ImagesParts): Images {
  const states = new Map<string, ImageState>()
  const underWay = new Set<Promise<void>>()
  const closing = new AbortController()
  const signal = AbortSignal.any([lease.lost, closing.signal])

  function tell(reason: EventReason, type: NewFleetEvent['type'], message: string): void {
    record({ at: clock.now(), fleet: lease.fleet, type, reason, message, epoch: lease.epoch })
  }

  function set(image: string, kind: ImageState['kind'], message: string): void {
    const failures = kind === 'failed' ? (states.get(image)?.failures ?? 0) + 1 : 0
    const pause = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.longest)
    const retryAt = kind === 'failed' ? clock.now() + pause : 0
    // Failures outlive the next attempt, so that the pauses grow.
    const kept = kind === 'working' ? (states.get(image)?.failures ?? 0) : failures
    states.set(image, { kind, message, retryAt, failures: kept })
  }

  async function pull(image: string): Promise<void> {
    tell('ImagePulling', 'Normal', `pulling ${image}`)
    const onProgress = (line: string) => {
      set(image, 'working', `pulling ${image}: ${line}`)
      onChange()
    }
    await docker.pull(lease, image, onProgress, signal)
    tell('ImagePulled', 'Normal', `pulled ${image}`)
    set(image, 'present', '')
  }

  async function obtain(image: string, policy: PullPolicy): Promise<void> {
    try {
      if (policy === 'Always') return await pull(image)
      if (await docker.hasImage(image, signal)) return set(image, 'present', '')
      if (policy === 'IfNotPresent') return await pull(image)
      set(
        image,
        'failed',
        `image ${image} is not on this Docker daemon and pullPolicy is Never: build it, or docker pull ${image}`,
      )
    } catch (error) {
      if (signal.aborted || error instanceof LeaseLost) return
      const message = error instanceof Error ? error.message : String(error)
      set(image, 'failed', `image ${image} cannot be had: ${message}`)
      tell('ImagePullFailed', 'Warning', `${image}: ${message}`)
    }
  }

  function start(image: string, policy: PullPolicy): void {
    set(image, 'working', `looking for image ${image}`)
    const work = obtain(image, policy).finally(() => {
      underWay.delete(work)
      if (!signal.aborted) onChange()
    })
    underWay.add(work)
  }

  return {
    lacks(image, policy) {
      const state = states.get(image)
      if (state?.kind === 'present') return undefined
      const isDue = state === undefined || (state.kind === 'failed' && clock.now() >= state.retryAt)
      if (isDue && !signal.aborted) start(image, policy)
      const { message = '', kind } = states.get(image) ?? {}
      const reason = kind === 'failed' ? 'ImageUnavailable' : 'ImagePulling'
      return { type: 'ImageMissing', status: 'True', reason, message }
    },
    missing: (image) => void states.delete(image),
    retryAt() {
      const waiting = [...states.values()].filter((state) => state.kind === 'failed')
      return waiting.length === 0 ? undefined : Math.min(...waiting.map((state) => state.retryAt))
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new LeaseLost(`fleet ${lease.fleet}: the term is over`))
      await Promise.allSettled(underWay)
    },
  }
}
