import type { EngineSettings, PortRange } from '../spec/fleet.ts'
import { slotNumber } from './place.ts'

/** The ports that one engine listens on inside its network namespace. */
export interface EnginePorts {
  readonly http: number
  readonly https: number
  readonly api: number
  readonly p2p: number
}

/** Gluetun's own ports: DNS, control server, Shadowsocks, HTTP proxy, health server (facts: qmcgaw/gluetun defaults). */
export const GLUETUN_PORTS: readonly number[] = [53, 8000, 8388, 8888, 9999]

/**
 * The ports of a slot: the range's first for a forwarded engine, first + 1 + slot for the others, and the internal
 * ranges in the same way. A forwarded engine's P2P port is its node's granted one.
 */
export function enginePorts(
  range: PortRange,
  internal: EngineSettings['ports'],
  slot: string,
  forwardedPort?: number,
): EnginePorts {
  const number = slotNumber(slot)
  const index = number === undefined ? 0 : number + 1
  return {
    http: range.first + index,
    https: internal.https + index,
    api: internal.api + index,
    p2p: forwardedPort ?? internal.p2p + index,
  }
}

/** Whether the ports lie in range, are distinct and none of them is taken by the namespace's other users (I11). */
export function portsFit(
  ports: EnginePorts,
  range: PortRange,
  taken: ReadonlySet<number>,
): boolean {
  const all = [ports.http, ports.https, ports.api, ports.p2p]
  return (
    ports.http <= range.last &&
    new Set(all).size === all.length &&
    all.every((port) => port <= 65535 && !taken.has(port))
  )
}
