import { makePortLease, type PortLease } from './port-lease.ts'
import type { GluetunSettings } from './settings.ts'
import { applyChange, type GluetunState, type StateChange, type VpnStatus } from './state.ts'

/** The VPN that is not there: what the provider would grant, and whether the tunnel to it is up. */
export interface Tunnel {
  /** As seen from outside: without address and ports while the tunnel is not up. */
  state(): GluetunState
  change(change: StateChange): GluetunState
  /**
   * PUT /v1/vpn/status: one at a time, answered with the outcome once it is applied. The address and the ports follow
   * after `connectMs`.
   */
  switchTo(status: 'running' | 'stopped'): Promise<string>
  /** A restart from within: no container ends, no namespace goes, and the tunnel is away for `connectMs`. */
  reconnect(): void
  /** The VPN of a type for which there are no settings was started. */
  crash(): void
  /** Ends the timers. */
  close(): void
}

/** For how long a restart from within shows `stopping` and `starting`, at most: most polls miss them. */
const flashMs = 100

/** Makes a tunnel that begins to connect. `onPorts` gets the visible ports at the start and when they change. */
export function makeTunnel(
  settings: Pick<GluetunSettings, 'first' | 'change'>,
  onPorts: (ports: readonly number[]) => void,
): Tunnel {
  return new StandInTunnel(applyChange(settings.first, settings.change), onPorts)
}

class StandInTunnel implements Tunnel {
  /** What would be seen if the tunnel stood and the port were held. */
  #granted: GluetunState
  readonly #lease: PortLease
  readonly #onPorts: (ports: readonly number[]) => void
  #announced: string | undefined
  /** Connected since the last start, and by Gluetun's word still. */
  #isUp = false
  /** Health has failed, and the tunnel has not come up since. */
  #hasFailed = false
  /** The next step of a connection, of a restart from within, or towards the failure of health. */
  #timer: NodeJS.Timeout | undefined
  /** A PUT that blocks. */
  #applying: { readonly timer: NodeJS.Timeout; readonly end: () => void } | undefined
  /** PUTs are applied one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(granted: GluetunState, onPorts: (ports: readonly number[]) => void) {
    this.#granted = granted
    this.#onPorts = onPorts
    this.#lease = makePortLease({
      world: () => this.#granted,
      onChange: () => this.#announce(),
      onMove: () => {
        const ports = this.#granted.ports.map((port) => (port % 65_535) + 1)
        this.#granted = { ...this.#granted, ports }
        this.#announce()
      },
    })
    this.#announce()
    this.#connect()
  }

  state(): GluetunState {
    const granted = this.#granted
    return {
      ...granted,
      publicIp: this.#isUp ? granted.publicIp : '',
      ports: this.#isUp && this.#lease.isHeld() ? granted.ports : [],
      carries: this.#isUp && granted.frozen === null,
      healthy: granted.healthy && !this.#hasFailed,
    }
  }

  change(change: StateChange): GluetunState {
    const wasFrozen = this.#granted.frozen !== null
    this.#granted = applyChange(this.#granted, change)
    if (change.status !== undefined) this.#force(change.status)
    this.#freezeOrThaw(wasFrozen)
    this.#lease.review()
    this.#announce()
    return this.state()
  }

  switchTo(status: 'running' | 'stopped'): Promise<string> {
    const outcome = this.#turn.then(() => this.#apply(status))
    this.#turn = outcome
    return outcome
  }

  reconnect(): void {
    if (this.#granted.status === 'running') this.#restart(flashMs)
  }

  crash(): void {
    this.#enter('crashed')
    this.#force('crashed')
  }

  close(): void {
    this.#abandon()
    this.#lease.end()
  }

  #enter(status: VpnStatus): void {
    this.#granted = { ...this.#granted, status }
  }

  #announce(): void {
    const { ports } = this.state()
    if (this.#announced === ports.join()) return
    this.#announced = ports.join()
    this.#onPorts(ports)
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }

  /** Nothing that was under way goes on. */
  #abandon(): void {
    clearTimeout(this.#timer)
    const applying = this.#applying
    this.#applying = undefined
    clearTimeout(applying?.timer)
    applying?.end()
  }

  #drop(): void {
    this.#isUp = false
    this.#lease.end()
  }

  #connect(): void {
    this.#after(this.#granted.connectMs, () => this.#establish())
  }

  #establish(): void {
    const { nextPorts, nextPublicIp, frozen, ports, publicIp } = this.#granted
    this.#enter('running')
    // WireGuard is set up without a word from the server: only the check that follows finds out.
    if (frozen !== null) {
      this.#after(frozen.loopMs, () => this.#fail())
      return
    }
    this.#granted = {
      ...this.#granted,
      ports: nextPorts ?? ports,
      publicIp: nextPublicIp ?? publicIp,
      nextPorts: null,
      nextPublicIp: null,
    }
    this.#isUp = true
    this.#hasFailed = false
    this.#lease.begin()
  }

  #restart(eachMs: number): void {
    this.#drop()
    this.#enter('stopping')
    this.#after(eachMs, () => {
      this.#enter('starting')
      this.#after(eachMs, () => {
        const { frozen } = this.#granted
        this.#enter('running')
        if (frozen === null) this.#connect()
        else this.#after(frozen.loopMs, () => this.#fail())
      })
    })
  }

  #fail(): void {
    this.#hasFailed = true
    const { frozen } = this.#granted
    this.#restart(frozen === null ? flashMs : Math.min(flashMs, Math.ceil(frozen.loopMs / 4)))
  }

  #freezeOrThaw(wasFrozen: boolean): void {
    const { frozen, status } = this.#granted
    if (status !== 'running' || wasFrozen === (frozen !== null)) return
    if (frozen !== null)
      this.#after(this.#isUp ? frozen.healthyForMs : frozen.loopMs, () => this.#fail())
    else if (this.#isUp) clearTimeout(this.#timer)
    else this.#connect()
  }

  /** The status is set from outside, and holds. */
  #force(status: VpnStatus): void {
    this.#abandon()
    if (status !== 'running') this.#drop()
    if (status !== 'running' || this.#isUp) return
    this.#isUp = true
    this.#hasFailed = false
    this.#lease.begin()
  }

  async #apply(wanted: 'running' | 'stopped'): Promise<string> {
    const { status, stopMs, startMs } = this.#granted
    if (status !== (wanted === 'running' ? 'stopped' : 'running')) return `already ${status}`
    clearTimeout(this.#timer)
    if (wanted === 'stopped') {
      this.#drop()
      this.#enter('stopping')
      await this.#block(stopMs, () => this.#enter('stopped'))
    } else {
      this.#enter('starting')
      await this.#block(startMs, () => {
        this.#enter(this.#granted.crashesOnStart ? 'crashed' : 'running')
        if (!this.#granted.crashesOnStart) this.#connect()
      })
    }
    return this.#granted.status
  }

  /** Waits, and then does the rest, unless somebody sets the status meanwhile. */
  #block(ms: number, rest: () => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#applying = undefined
        rest()
        resolve()
      }, ms)
      this.#applying = { timer, end: resolve }
    })
  }
}
