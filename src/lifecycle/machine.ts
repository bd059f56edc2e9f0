import { setup } from 'xstate'

/**
 * What a plan may tell an engine. Nothing but the machine's answer to one of these creates, starts, stops or removes.
 */
export type LifecycleEvent =
  /** A vacant place is to be filled. */
  | { readonly type: 'wanted' }
  /** Its container exists but never ran, and its VPN node is still the one that it was made for. */
  | { readonly type: 'startable' }
  /** Its HTTP API gave its first good answer. */
  | { readonly type: 'answered' }
  /** It should not be here any more, but may finish its streams. */
  | { readonly type: 'unwanted' }
  /** It is dead or must not run a moment longer: nobody is served by waiting. */
  | { readonly type: 'failed' }
  /** No stream is left on it. */
  | { readonly type: 'drained' }
  /** It has had its drain timeout. */
  | { readonly type: 'drainTimedOut' }
  /** Stopping was decided, no stop is in flight, and it still runs. */
  | { readonly type: 'stillRunning' }
  /** Its process is over. */
  | { readonly type: 'exited' }

/** What an engine's transition may ask for. `stop` and `remove` write their mark first. */
export type LifecycleAction =
  | 'create'
  | 'start'
  | 'noteReady'
  | 'markDraining'
  | 'markFailed'
  | 'stop'
  | 'remove'

const noop = () => {}

/**
 * An engine's whole life. Used through the pure `transition()` only: states are derived from what is observed, the
 * actions are names, deadlines are the plan's. So nothing here can be lost by a restart.
 */
export const lifecycle = setup({
  types: { events: {} as LifecycleEvent },
  actions: {
    create: noop,
    start: noop,
    noteReady: noop,
    markDraining: noop,
    markFailed: noop,
    stop: noop,
    remove: noop,
  } satisfies Record<LifecycleAction, () => void>,
}).createMachine({
  id: 'engine',
  initial: 'Pending',
  states: {
    Pending: {
      on: {
        wanted: { target: 'Starting', actions: ['create', 'start'] },
        startable: { target: 'Starting', actions: ['start'] },
        // It never ran, so there is nothing to drain or stop.
        unwanted: { target: 'Exited', actions: ['markFailed', 'remove'] },
        failed: { target: 'Exited', actions: ['markFailed', 'remove'] },
      },
    },
    Starting: {
      on: {
        answered: { target: 'Running', actions: ['noteReady'] },
        unwanted: { target: 'Draining', actions: ['markDraining'] },
        failed: { target: 'Stopping', actions: ['markFailed', 'stop'] },
        exited: { target: 'Exited', actions: ['markFailed', 'remove'] },
      },
    },
    Running: {
      on: {
        unwanted: { target: 'Draining', actions: ['markDraining'] },
        failed: { target: 'Stopping', actions: ['markFailed', 'stop'] },
        exited: { target: 'Exited', actions: ['markFailed', 'remove'] },
      },
    },
    Draining: {
      on: {
        drained: { target: 'Stopping', actions: ['stop'] },
        drainTimedOut: { target: 'Stopping', actions: ['stop'] },
        failed: { target: 'Stopping', actions: ['markFailed', 'stop'] },
        exited: { target: 'Exited', actions: ['remove'] },
      },
    },
    Stopping: {
      on: {
        stillRunning: { target: 'Stopping', actions: ['stop'] },
        exited: { target: 'Exited', actions: ['remove'] },
      },
    },
    Exited: {
      on: {
        exited: { target: 'Exited', actions: ['remove'] },
      },
    },
  },
})
