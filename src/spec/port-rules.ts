import { GLUETUN_PORTS } from '../engine/ports.ts'
import type { Draft } from './draft.ts'
import type { PortRange } from './fleet.ts'
import { type Finding, type Path, printPath } from './problem.ts'
import { parsePortRange, printPortRange, rangeSize, rangesOverlap } from './quantity.ts'

/** A range of ports and where the document gives it. */
export interface NamedRange {
  readonly path: Path
  readonly range: PortRange
}

const HIGHEST_PORT = 65_535

/**
 * Ports of one fleet: every range holds every slot, for a redundant fleet must live on one node, and no two ranges
 * meet, so that ports stay unique in each namespace whatever is placed where (I11).
 */
export function checkPorts(draft: Draft): Finding[] {
  const ranges = hostRanges(draft)
  const internal = internalRanges(draft)
  return [
    ...ranges.flatMap((range) => checkRoom(draft, range)),
    ...internal.flatMap((range) => checkInternal(draft, range)),
    ...checkDisjoint(ranges, internal),
  ]
}

/** The ranges from which engines get their HTTP ports: one for each VPN node, or the published one without a VPN. */
export function hostRanges(draft: Draft): NamedRange[] {
  const { vpn, network } = draft.document.spec
  if (!draft.isSound('spec', 'vpn', 'mode')) return []
  const named: (readonly [Path, string])[] =
    vpn.mode === 'none'
      ? [[['spec', 'network', 'ports'], network.ports]]
      : vpn.nodes.map((node, index) => [['spec', 'vpn', 'nodes', index, 'ports'], node.ports])
  return named
    .filter(([path]) => draft.isSound(...path))
    .map(([path, text]) => ({ path, range: parsePortRange(text) }))
}

/** Slots 0 … replicas + maxSurge − 1, and one place for the forwarded engine. */
function placeCount(draft: Draft): number | undefined {
  const { replicas, update } = draft.document.spec
  const isSound = draft.isSound('spec', 'replicas') && draft.isSound('spec', 'update', 'maxSurge')
  return isSound ? 1 + replicas + update.maxSurge : undefined
}

function checkRoom(draft: Draft, { path, range }: NamedRange): Finding[] {
  const count = placeCount(draft)
  if (count === undefined) return []
  const { replicas, vpn, update } = draft.document.spec
  if (rangeSize(range) < count) {
    const last = range.first + count - 1
    const instead = last <= HIGHEST_PORT ? `${range.first}-${last} or more` : 'a lower range'
    const message =
      `holds ${rangeSize(range)} port${rangeSize(range) === 1 ? '' : 's'}, but ${replicas} replicas and maxSurge ` +
      `${update.maxSurge} need ${count}, one of them for the forwarded engine: make it ${instead}`
    return [{ path, at: 'value', message }]
  }
  if (vpn.mode === 'none') return []
  const used = { first: range.first, last: range.first + count - 1 }
  const taken = GLUETUN_PORTS.filter((port) => contains(used, port))
  // A slot on one of Gluetun's ports is skipped on that node: the others must still hold all replicas and one more.
  const isForwardedHit =
    draft.document.spec.forwarding.scope !== 'none' && taken.includes(range.first)
  const left = count - 1 - taken.filter((port) => port !== range.first).length
  if (!isForwardedHit && left >= replicas + Math.min(1, update.maxSurge)) return []
  const message = `has ${taken.join(' and ')}, on which Gluetun itself listens: choose a range without ${GLUETUN_PORTS.join(', ')}`
  return [{ path, at: 'value', message }]
}

function internalRanges(draft: Draft): NamedRange[] {
  const count = placeCount(draft)
  if (count === undefined) return []
  const { ports } = draft.document.spec.engine
  return (['https', 'api', 'p2p'] as const)
    .map((name) => ({
      path: ['spec', 'engine', 'ports', name],
      range: { first: ports[name], last: ports[name] + count - 1 },
    }))
    .filter(({ path }) => draft.isSound(...path))
}

function checkInternal(draft: Draft, { path, range }: NamedRange): Finding[] {
  const text = printPortRange(range)
  if (range.last > HIGHEST_PORT) {
    const message = `begins a range that ends at ${range.last}: it needs ${rangeSize(range)} ports up to ${HIGHEST_PORT}`
    return [{ path, at: 'value', message }]
  }
  const { mode } = draft.document.spec.vpn
  if (mode === 'none' || !draft.isSound('spec', 'vpn', 'mode')) return []
  const taken = GLUETUN_PORTS.filter((port) => contains(range, port))
  if (taken.length === 0) return []
  const message = `begins ${text}, with ${taken.join(' and ')}, on which Gluetun itself listens: choose another`
  return [{ path, at: 'value', message }]
}

function checkDisjoint(ranges: readonly NamedRange[], internal: readonly NamedRange[]): Finding[] {
  const all = [...ranges, ...internal]
  return all.flatMap((later, index) =>
    all.slice(0, index).flatMap((earlier): Finding[] => {
      if (!rangesOverlap(later.range, earlier.range)) return []
      const [mine, theirs] = [printPortRange(later.range), printPortRange(earlier.range)]
      const message = `is ${mine}, which overlaps ${theirs} of ${printPath(earlier.path)}: choose ports of its own`
      return [{ path: later.path, at: 'value', message }]
    }),
  )
}

function contains(range: PortRange, port: number): boolean {
  return port >= range.first && port <= range.last
}
