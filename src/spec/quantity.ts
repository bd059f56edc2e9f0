import type { PortRange } from './fleet.ts'

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
const UNIT_BYTES = {
  K: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
} as const

/** `5s`, `1m30s`, `500ms`, `1.5h`. */
export const DURATION = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h))+$/
/** A duration, or `never`. */
export const DURATION_OR_NEVER = /^(?:never|(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h))+)$/
/** `512Mi`, `1G`, `1.5Gi`. */
export const MEMORY = /^\d{1,15}(?:\.\d{1,3})?(?:Ki|Mi|Gi|K|M|G)$/
/** `19000-19499`. */
export const PORT_RANGE = /^\d{1,5}-\d{1,5}$/

/** The ms of a text that matches {@link DURATION}. */
export function parseDuration(text: string): number {
  let ms = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    ms += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]
  }
  return Math.round(ms)
}

/** The shortest text of whole units that {@link parseDuration} reads back as `ms`. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s'
  const unit = (['h', 'm', 's'] as const).find((name) => ms % UNIT_MS[name] === 0) ?? 'ms'
  return `${ms / UNIT_MS[unit]}${unit}`
}

/** The bytes of a text that matches {@link MEMORY}. */
export function parseMemory(text: string): number {
  const [, amount, unit] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? []
  return Math.round(Number(amount) * UNIT_BYTES[unit as keyof typeof UNIT_BYTES])
}

/** The shortest text of whole units that {@link parseMemory} reads back as `bytes`. */
export function printMemory(bytes: number): string {
  const whole = (['Gi', 'G', 'Mi', 'M', 'Ki', 'K'] as const).find(
    (name) => bytes % UNIT_BYTES[name] === 0,
  )
  if (whole !== undefined) return `${bytes / UNIT_BYTES[whole]}${whole}`
  return `${bytes / 1e3}K`
}

/** The range of a text that matches {@link PORT_RANGE}; its order and bounds are checked elsewhere. */
export function parsePortRange(text: string): PortRange {
  const [first, last] = text.split('-')
  return { first: Number(first), last: Number(last) }
}

/** The text that {@link parsePortRange} reads back. */
export function printPortRange(range: PortRange): string {
  return `${range.first}-${range.last}`
}

/** How many ports a range holds. */
export function rangeSize(range: PortRange): number {
  return range.last - range.first + 1
}

/** Whether two ranges share a port. */
export function rangesOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last
}
