import type { P2pGroupView, P2pView } from '../api/p2p-view.ts'

/** A speed: `180 KiB/s`, `1.5 MiB/s`. */
export function speedText(bytesPerS: number): string {
  const kib = bytesPerS / 1_024
  return kib < 1_024 ? `${Math.round(kib)} KiB/s` : `${(kib / 1_024).toFixed(1)} MiB/s`
}

function groupText({ peers, upBytesPerS, downBytesPerS }: P2pGroupView): string {
  return `${peers} peers, ${speedText(upBytesPerS)} up, ${speedText(downBytesPerS)} down`
}

/** How well the forwarded engine does in the swarm beside the others, per stream; null where no stream tells. */
export function p2pText({ forwarded, others }: P2pView): string | null {
  if (forwarded === null && others === null) return null
  const first = forwarded === null ? 'unknown' : groupText(forwarded)
  const second = others === null ? 'unknown' : `${groupText(others)} (median of ${others.engines})`
  return `forwarded: ${first}; others: ${second}; per stream`
}
