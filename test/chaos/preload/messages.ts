/** Where a process stops itself, on its way to the Docker daemon or back, or to the store. */
export interface Failpoint {
  /**
   * `issue`: in the tick of the guard, as the call is handed to dockerode's wire. `send`: when it has a socket,
   * before its first byte is written. `answer`: when the daemon has answered, before anybody is told.
   */
  readonly at: 'issue' | 'send' | 'answer'
  /** Of `POST /containers/create?name=a`, without the API version; a mark that goes to the store is `REDIS mark`. */
  readonly line: string
  /** 1 is the first call that matches from now on. */
  readonly nth: number
}

/** What the harness tells a controller process. */
export type Order =
  | { readonly kind: 'arm'; readonly point: Failpoint }
  /** From now on its wall clock is so far off. */
  | { readonly kind: 'step'; readonly ms: number }

/** What a controller process tells the harness. Times are Unix ms of the machine's clock, whatever the process's own says. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'armed' }
  | { readonly kind: 'stepped' }
  /** Written in the tick in which it stops. */
  | { readonly kind: 'hit'; readonly line: string; readonly at: number }
  /** A call that changes the world was handed to dockerode's wire, in the tick of the guard. */
  | { readonly kind: 'issued'; readonly line: string; readonly at: number }

/** The descriptor over which both talk, one JSON document per line. */
export const CHANNEL_FD = 3
