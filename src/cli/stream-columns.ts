import type { StreamView } from '../api/stream-view.ts'
import { ageOf, printSeconds } from './age.ts'
import { speedText } from './p2p-text.ts'
import type { Column } from './table.ts'

/** Contents are told apart by this much of their hash. */
const SHORT_HASH = 12

function text(value: string | number | null): string {
  return value === null ? '' : String(value)
}

/** `infohash:0123456789ab`. */
function shortContent(content: string): string {
  const [kind = '', hash] = content.split(':')
  return hash === undefined ? content : `${kind}:${hash.slice(0, SHORT_HASH)}`
}

function bitrateText(bitsPerS: number | null): string {
  return bitsPerS === null ? '' : `${(bitsPerS / 1e6).toFixed(1)} Mbit/s`
}

function speed(bytesPerS: number | null): string {
  return bytesPerS === null ? '' : speedText(bytesPerS)
}

/** Figures that a playing stream changes all the time are no news to a watch. */
export function streamColumns(now: number): readonly Column<StreamView>[] {
  const figure = { align: 'right', ticks: true } as const
  return [
    { title: 'CONTENT', cell: (stream) => shortContent(stream.content) },
    { title: 'STATE', cell: (stream) => stream.state },
    { title: 'VIEWERS', cell: (stream) => text(stream.viewers), align: 'right' },
    { title: 'ENGINE', cell: (stream) => stream.engine ?? stream.containerId.slice(0, 12) },
    { title: 'FORWARDED', cell: ({ forwarded }) => (forwarded ? 'yes' : 'no') },
    { title: 'BITRATE', cell: (stream) => bitrateText(stream.bitsPerS), ...figure },
    {
      title: 'BUFFER',
      cell: ({ bufferedMs }) => (bufferedMs === null ? '' : printSeconds(bufferedMs)),
      ...figure,
    },
    { title: 'PEERS', cell: (stream) => text(stream.peers), ...figure },
    { title: 'DOWN', cell: (stream) => speed(stream.downBytesPerS), ...figure },
    { title: 'UP', cell: (stream) => speed(stream.upBytesPerS), ...figure },
    { title: 'AGE', cell: (stream) => ageOf(stream.startedAt, now), ticks: true },
    { title: 'GATEWAY', cell: (stream) => stream.gateway },
    { title: 'FLEET', cell: (stream) => stream.fleet, wide: true },
    { title: 'VPN', cell: (stream) => text(stream.vpn), wide: true },
    { title: 'SKIPPED', cell: (stream) => text(stream.skippedBytes), wide: true, ...figure },
    {
      title: 'LAST BYTES',
      cell: (stream) => ageOf(stream.lastBytesAt, now),
      wide: true,
      ticks: true,
    },
    { title: 'HASH', cell: (stream) => stream.content.split(':').at(-1) ?? '', wide: true },
    { title: 'SESSION', cell: (stream) => stream.id, wide: true },
  ]
}
