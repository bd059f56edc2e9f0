import { assertNever } from '../assert-never.ts'
import type { ContainerDetail, ContainerHealth } from '../docker/port.ts'
import type { ControlFailure, ControlReading, ObservedNode } from '../observe/observation.ts'

/** What Docker said about a node's container. */
export type NodeContainer =
  | { readonly kind: 'found'; readonly detail: ContainerDetail }
  /** A successful list showed none of that name. */
  | { readonly kind: 'absent' }
  /** Docker could not be asked: nothing may be concluded. */
  | { readonly kind: 'unread'; readonly message: string }

/** What Docker and Gluetun say of one node in this moment. */
export interface GluetunSigns {
  readonly name: string
  readonly container: NodeContainer
  readonly control: ControlReading | ControlFailure
}

/** A healthy reconnect takes 2 to 4 s (measured); what takes longer is an outage, ms. */
const RECONNECT_MS = 5_000
/** With no HEALTHCHECK nothing else vouches for the tunnel, and IP look-ups retry for a while, ms. */
const UNCHECKED_MS = 30_000
/**
 * When a Gluetun that Docker calls healthy counts as up without a public IP, ms. It never showed one: look-ups are
 * off (PUBLICIP_ENABLED=off) or fail. It did: a broken tunnel turns unhealthy 12 to 15 s after its first reconnect
 * (measured), or within the 60 s of the small health check.
 */
const VOUCHED_MS = { neverSeen: 30_000, seen: 120_000 }

/** The state by the word of Docker and Gluetun alone. */
export interface Verdict extends Pick<ObservedNode, 'reason' | 'message'> {
  readonly state: 'up' | 'down' | 'unknown'
}

/** How long, and after what, Gluetun does not say that the tunnel stands. */
export interface Doubt {
  readonly ms: number
  readonly ipSeen: boolean
  readonly portLost: boolean
  readonly wasDown: boolean
}

const ofContainer = (name: string, detail: ContainerDetail): Verdict | undefined => {
  const { state, exitCode, error, health } = detail
  if (state !== 'running') {
    const exit = state === 'exited' ? ` (${exitCode})${error && `: ${error}`}` : ''
    const message = `The container ${name} is not running: ${state}${exit}`
    return { state: 'down', reason: 'ContainerNotRunning', message }
  }
  if (health === 'unhealthy') {
    const message = `Docker's health check of ${name} fails: its tunnel does not work`
    return { state: 'down', reason: 'Unhealthy', message }
  }
  return undefined
}

const FAILURE_REASONS = {
  refused: 'ControlRefused',
  unreachable: 'ControlUnreachable',
  missing: 'ControlMissing',
} as const

/** Running by its own word, but without a public IP. That alone is no proof: IP services fail, look-ups may be off. */
function withoutIp(
  name: string,
  reading: ControlReading,
  health: ContainerHealth,
  doubt: Doubt,
): Verdict {
  const reason = reading.publicIpEnabled ? 'NoPublicIp' : 'PublicIpUnreadable'
  const vouchedMs = doubt.ipSeen ? VOUCHED_MS.seen : VOUCHED_MS.neverSeen
  const isVouched = health === 'healthy' && (!reading.publicIpEnabled || doubt.ms >= vouchedMs)
  if (isVouched) {
    const message = `${name} is up by Docker's health check; its public IP is not known`
    return { state: 'up', reason: 'PublicIpUnknown', message }
  }
  // It had an address and lost it: with the port gone too, or with no health check to ask, that is an outage.
  const isOutage =
    reading.publicIpEnabled &&
    doubt.ipSeen &&
    (health === 'none' ? doubt.ms >= UNCHECKED_MS : doubt.portLost && doubt.ms >= RECONNECT_MS)
  const message = `${name} runs but knows no public IP${
    isOutage ? '' : ': it may be connecting, or look-ups are off'
  }`
  return { state: isOutage || doubt.wasDown ? 'down' : 'unknown', reason, message }
}

function ofReading(
  name: string,
  reading: ControlReading,
  health: ContainerHealth,
  doubt: Doubt,
): Verdict {
  switch (reading.status) {
    case 'stopped':
      return { state: 'down', reason: 'VpnStopped', message: `The VPN of ${name} is stopped` }
    case 'crashed':
      return { state: 'down', reason: 'VpnCrashed', message: `The VPN of ${name} crashed` }
    case 'unknown':
      return {
        state: 'unknown',
        reason: 'StatusUnknown',
        message: `The control server of ${name} says a status that acefleet does not know`,
      }
    case 'starting':
    case 'stopping': {
      const isDown = doubt.wasDown || doubt.ms >= RECONNECT_MS
      return {
        state: isDown ? 'down' : 'unknown',
        reason: reading.status === 'starting' ? 'VpnStarting' : 'VpnStopping',
        message: `The VPN of ${name} is ${reading.status}`,
      }
    }
    case 'running':
      if (reading.publicIp === '') return withoutIp(name, reading, health, doubt)
      return {
        state: 'up',
        reason: 'VpnRunning',
        message: `The VPN of ${name} is up with ${reading.publicIp}`,
      }
    default:
      return assertNever(reading.status)
  }
}

/**
 * Judges a node by its container and its control server. `down` needs positive evidence (I9): the container absent or
 * not running, unhealthy, the VPN stopped or crashed, or by Gluetun's own word without a tunnel for longer than a
 * reconnect takes. Whatever could not be read makes it `unknown`.
 */
export function gluetunWord({ name, container, control }: GluetunSigns, doubt: Doubt): Verdict {
  if (container.kind === 'unread')
    return { state: 'unknown', reason: 'DockerUnread', message: container.message }
  if (container.kind === 'absent') {
    const message = `No container is named ${name}: start Gluetun under that name, or correct vpn.nodes`
    return { state: 'down', reason: 'ContainerMissing', message }
  }
  const byContainer = ofContainer(name, container.detail)
  if (byContainer) return byContainer
  if (control.kind !== 'reading')
    return { state: 'unknown', reason: FAILURE_REASONS[control.kind], message: control.message }
  return ofReading(name, control, container.detail.health, doubt)
}

/** Whether Gluetun, readable, does not say that the tunnel stands. */
function isDoubtful({ status, publicIp }: ControlReading): boolean {
  return status === 'starting' || status === 'stopping' || (status === 'running' && !publicIp)
}

/** Blindness breaks a doubt that could end in `down`, and not one that can only end in `up`. */
export function doubtBegan(
  { name, container, control }: GluetunSigns,
  before: { readonly doubtSince: number | undefined; readonly state: string } | undefined,
  ipSeen: boolean,
  now: number,
): number | undefined {
  const isProven = container.kind === 'found' && ofContainer(name, container.detail) !== undefined
  if (isProven || container.kind === 'absent') return undefined
  const isBlind = container.kind === 'unread' || control.kind !== 'reading'
  if (!isBlind) return isDoubtful(control) ? (before?.doubtSince ?? now) : undefined
  return ipSeen || before?.state === 'down' ? undefined : before?.doubtSince
}

/** When time alone may change the word in a doubt that began then. */
export function doubtReviews(doubtSince: number | undefined): readonly number[] {
  if (doubtSince === undefined) return []
  const steps = [RECONNECT_MS, UNCHECKED_MS, VOUCHED_MS.neverSeen, VOUCHED_MS.seen]
  return steps.map((ms) => doubtSince + ms)
}
