import type { Docker } from '../docker/port.ts'
import type { Probe } from '../engine/client.ts'
import { type EngineProber, startProber } from '../engine/prober.ts'
import { makeObserver, type Observer } from '../observe/observer.ts'
import type { Clock } from '../time/clock.ts'
import type { ReadControl } from '../vpn/control.ts'
import { startVpnMonitor, type VpnMonitor } from '../vpn/monitor.ts'

export interface WatchParts {
  readonly instance: string
  readonly docker: Docker
  readonly probe: Probe
  readonly readControl: ReadControl
  readonly clock: Clock
  readonly random: () => number
}

/** One fleet's senses: they outlive terms, so that a standby is warm. */
export interface Watch extends AsyncDisposable {
  readonly observer: Observer
}

/** Starts probing and polling for one fleet; `onChange` is a wake-up. */
export function startWatch(parts: WatchParts, onChange: () => void): Watch {
  const { probe, readControl, clock, random } = parts
  const prober: EngineProber = startProber({ probe, clock, random, onChange })
  const vpns: VpnMonitor = startVpnMonitor({ readControl, clock, random, onChange })
  return {
    observer: makeObserver({ ...parts, prober, vpns }),
    async [Symbol.asyncDispose]() {
      await prober[Symbol.asyncDispose]()
      await vpns[Symbol.asyncDispose]()
    },
  }
}
