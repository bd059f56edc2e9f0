import type { GluetunSettings } from './settings.ts'
import { applyChange, type GluetunState, type StateChange } from './state.ts'

/** The VPN that is not there: what the provider would grant, and whether the tunnel to it is up. */
export interface Tunnel {
  /** As seen from outside: without address and ports while the tunnel is not up. */
  state(): GluetunState
  change(change: StateChange): GluetunState
  /** PUT /v1/vpn/status; returns the outcome. The address and the ports follow after `connectMs`. */
  switchTo(status: 'running' | 'stopped'): string
  /** Ends the timers. */
  close(): void
}

/** Makes a tunnel that begins to connect. `onPorts` gets the visible ports at the start and when they change. */
export function makeTunnel(
  settings: GluetunSettings,
  onPorts: (ports: readonly number[]) => void,
): Tunnel {
  let granted: GluetunState = {
    status: 'starting',
    publicIp: settings.publicIp,
    ports: settings.ports,
    healthy: true,
    control: 'normal',
  }
  let isUp = false
  let timer: NodeJS.Timeout | undefined
  let announced: string | undefined

  const visible = (): GluetunState => (isUp ? granted : { ...granted, publicIp: '', ports: [] })
  const settle = (change: StateChange, up: boolean) => {
    granted = applyChange(granted, change)
    isUp = up
    const { ports } = visible()
    if (announced === ports.join()) return
    announced = ports.join()
    onPorts(ports)
  }
  const connect = () => {
    clearTimeout(timer)
    timer = setTimeout(() => settle({ status: 'running' }, true), settings.connectMs)
  }

  settle({}, false)
  connect()
  return {
    state: visible,
    change: (change) => {
      if (change.status !== undefined) clearTimeout(timer)
      settle(change, change.status === undefined ? isUp : change.status === 'running')
      return visible()
    },
    switchTo: (status) => {
      if (granted.status === status) return `already ${status}`
      clearTimeout(timer)
      settle({ status }, false)
      if (status === 'running') connect()
      return status
    },
    close: () => clearTimeout(timer),
  }
}
