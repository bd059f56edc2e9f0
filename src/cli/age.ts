const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S
const YEAR_S = 365 * DAY_S

function twoParts(
  ageS: number,
  large: readonly [number, string],
  small: readonly [number, string],
) {
  const first = Math.floor(ageS / large[0])
  const second = Math.floor((ageS % large[0]) / small[0])
  return second === 0 ? `${first}${large[1]}` : `${first}${large[1]}${second}${small[1]}`
}

/** A duration as kubectl prints it: `45s`, `5m12s`, `17m`, `3h5m`, `30h`, `2d5h`, `40d`, `2y30d`. Below zero is `0s`. */
export function printAge(ms: number): string {
  if (!(ms > 0)) return '0s'
  const ageS = Math.floor(ms / 1_000)
  if (ageS < 2 * MINUTE_S) return `${ageS}s`
  if (ageS < 10 * MINUTE_S) return twoParts(ageS, [MINUTE_S, 'm'], [1, 's'])
  if (ageS < 3 * HOUR_S) return `${Math.floor(ageS / MINUTE_S)}m`
  if (ageS < 8 * HOUR_S) return twoParts(ageS, [HOUR_S, 'h'], [MINUTE_S, 'm'])
  if (ageS < 2 * DAY_S) return `${Math.floor(ageS / HOUR_S)}h`
  if (ageS < 8 * DAY_S) return twoParts(ageS, [DAY_S, 'd'], [HOUR_S, 'h'])
  if (ageS < 2 * YEAR_S) return `${Math.floor(ageS / DAY_S)}d`
  if (ageS < 8 * YEAR_S) return twoParts(ageS, [YEAR_S, 'y'], [DAY_S, 'd'])
  return `${Math.floor(ageS / YEAR_S)}y`
}

/** How long ago an ISO time was; `-` where there is none. */
export function ageOf(time: string | null, nowMs: number): string {
  if (time === null) return '-'
  return printAge(nowMs - Date.parse(time))
}

/** A short time to come, to a tenth of a second: `4.1s`. */
export function printSeconds(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)}s`
}
