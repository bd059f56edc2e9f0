import type { Docker } from '../docker/port.ts'
import { type Lease, LeaseLost } from '../lease/lease.ts'
import type { EngineSettings } from '../spec/fleet.ts'
import type { EventReason, NewFleetEvent } from '../telemetry/event.ts'
import type { PlannedCondition } from '../telemetry/status.ts'
import type { Clock } from '../time/clock.ts'

/** While an image is missing, how often to look whether somebody has brought it, ms: one cheap request. */
const LOOK_MS = 5_000
/** First and longest wait before a failed pull is tried again, ms: registries count pulls. */
const PULL_MS = { first: 2_000, longest: 120_000 }

type PullPolicy = EngineSettings['pullPolicy']

export interface ImagesParts {
  readonly docker: Docker
  readonly lease: Lease
  readonly clock: Clock
  readonly record: (event: NewFleetEvent) => void
  /** An image came, or will not come: the loop should look again. */
  readonly onChange: () => void
}

/** Why engines cannot be made of an image yet. */
export interface Lack {
  /** Undefined in the moment of the first look, which is no news. */
  readonly condition: PlannedCondition | undefined
}

/** Sees to it that an image is there before engines are made of it. Lives for one term. */
export interface Images extends AsyncDisposable {
  /** Undefined when engines can be made of the image. Looks and pulls in the background. */
  lacks(image: string, policy: PullPolicy): Lack | undefined
  /** A create found it missing. */
  missing(image: string): void
  /** Unix ms at which a look or pull is repeated; undefined when none waits. */
  retryAt(): number | undefined
}

/** What is known of one image. Mutable; owned by this module's functions. */
interface ImageState {
  isPresent: boolean
  isBusy: boolean
  reason: 'ImagePulling' | 'ImageUnavailable'
  /** For people; empty until the first look has ended. */
  message: string
  failedPulls: number
  /** Both by the clock that never steps, ms. */
  lookAt: number
  pullAt: number
}

export function makeImages({ docker, lease, clock, record, onChange }: ImagesParts): Images {
  const states = new Map<string, ImageState>()
  const underWay = new Set<Promise<void>>()
  const closing = new AbortController()
  const signal = AbortSignal.any([lease.lost, closing.signal])

  function tell(reason: EventReason, type: NewFleetEvent['type'], message: string): void {
    record({ at: clock.now(), fleet: lease.fleet, type, reason, message, epoch: lease.epoch })
  }

  function fail(state: ImageState, message: string): void {
    const isNews = state.message !== message
    state.reason = 'ImageUnavailable'
    state.message = message
    if (isNews) tell('ImagePullFailed', 'Warning', message)
  }

  async function pull(image: string, state: ImageState): Promise<void> {
    const attempt = state.failedPulls === 0 ? '' : ` (attempt ${state.failedPulls + 1})`
    tell('ImagePulling', 'Normal', `pulling ${image}${attempt}`)
    const onProgress = (line: string) => {
      state.reason = 'ImagePulling'
      state.message = `pulling ${image}: ${line}`
      onChange()
    }
    try {
      await docker.pull(lease, image, onProgress, signal)
    } catch (error) {
      state.failedPulls += 1
      const pause = Math.min(PULL_MS.first * 2 ** (state.failedPulls - 1), PULL_MS.longest)
      state.pullAt = clock.monotonic() + pause
      throw error
    }
    tell('ImagePulled', 'Normal', `pulled ${image}`)
    state.isPresent = true
  }

  async function obtain(image: string, policy: PullPolicy, state: ImageState): Promise<void> {
    try {
      const mustPull = policy === 'Always'
      if (!mustPull && (await docker.hasImage(image, signal))) state.isPresent = true
      else if (policy === 'Never')
        fail(
          state,
          `image ${image} is not on this Docker daemon and pullPolicy is Never: build it there, or docker pull ${image}`,
        )
      else if (clock.monotonic() >= state.pullAt) await pull(image, state)
    } catch (error) {
      if (signal.aborted || error instanceof LeaseLost) return
      const why = error instanceof Error ? error.message : String(error)
      fail(
        state,
        `image ${image} cannot be had: ${why}; correct spec.engine.image, or bring it by docker pull ${image}`,
      )
    }
  }

  function start(image: string, policy: PullPolicy, state: ImageState): void {
    state.isBusy = true
    const work = obtain(image, policy, state).finally(() => {
      state.isBusy = false
      // With Always only a pull counts, so that a look earlier than the next one would see nothing.
      state.lookAt = Math.max(clock.monotonic() + LOOK_MS, policy === 'Always' ? state.pullAt : 0)
      underWay.delete(work)
      if (!signal.aborted) onChange()
    })
    underWay.add(work)
  }

  function stateOf(image: string): ImageState {
    const known = states.get(image)
    if (known !== undefined) return known
    const fresh: ImageState = {
      isPresent: false,
      isBusy: false,
      reason: 'ImagePulling',
      message: '',
      failedPulls: 0,
      lookAt: 0,
      pullAt: 0,
    }
    states.set(image, fresh)
    return fresh
  }

  return {
    lacks(image, policy) {
      const state = stateOf(image)
      if (state.isPresent) return undefined
      if (!state.isBusy && clock.monotonic() >= state.lookAt && !signal.aborted)
        start(image, policy, state)
      const { reason, message } = state
      if (message === '') return { condition: undefined }
      return { condition: { type: 'ImageMissing', status: 'True', reason, message } }
    },
    missing(image) {
      // While one is looked for, that look tells.
      if (states.get(image)?.isPresent) states.delete(image)
    },
    retryAt() {
      const waiting = [...states.values()].filter((state) => !state.isPresent && !state.isBusy)
      if (waiting.length === 0) return undefined
      return clock.now() - clock.monotonic() + Math.min(...waiting.map((state) => state.lookAt))
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new LeaseLost(`fleet ${lease.fleet}: the term is over`))
      await Promise.allSettled(underWay)
    },
  }
}
