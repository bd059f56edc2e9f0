/** The port that counts, and since when it is only held. */
export interface CountedPort {
  /** 0 when none. */
  readonly forwardedPort: number
  /** Unix ms since which no port is granted after there was one; the last is held for the grace. */
  readonly portLostAt: number | undefined
}

/**
 * Which port counts now. A different port counts at once; none keeps the last for the grace, because Gluetun loses
 * and regains the same port many times a day; `told` undefined concludes nothing. `before` is of the same generation.
 */
export function countPort(
  told: readonly number[] | undefined,
  before: CountedPort | undefined,
  graceMs: number,
  now: number,
): CountedPort {
  const { forwardedPort = 0, portLostAt } = before ?? {}
  if (told === undefined) return { forwardedPort, portLostAt }
  const first = told[0]
  if (first !== undefined) {
    // Of several ports the one in use stays in use.
    const port = told.includes(forwardedPort) ? forwardedPort : first
    return { forwardedPort: port, portLostAt: undefined }
  }
  if (forwardedPort === 0) return { forwardedPort, portLostAt }
  const lostAt = portLostAt ?? now
  return { forwardedPort: now - lostAt < graceMs ? forwardedPort : 0, portLostAt: lostAt }
}
