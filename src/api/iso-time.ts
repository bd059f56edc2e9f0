/** A time at the API's edge: ISO 8601, or null where there is none. */
export type IsoTime = string

/** ISO text of Unix ms; null for absent, zero and times beyond what a date can say. */
export function isoTime(atMs: number | undefined): IsoTime | null {
  if (atMs === undefined || !(atMs > 0) || atMs > 8.64e15) return null
  return new Date(atMs).toISOString()
}
