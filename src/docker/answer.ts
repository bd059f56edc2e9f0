import {
  DockerError,
  ImageMissing,
  NamespaceGone,
  NameTaken,
  NotFound,
  UnknownOutcome,
} from './errors.ts'

/** The port's methods, as calls to the daemon. */
export type Verb =
  | 'list'
  | 'inspect'
  | 'logTail'
  | 'hasImage'
  | 'version'
  | 'ping'
  | 'events'
  | 'create'
  | 'start'
  | 'stop'
  | 'restart'
  | 'remove'
  | 'pull'

const MUTATIONS: ReadonlySet<Verb> = new Set(['create', 'start', 'stop', 'restart', 'remove'])

/** The verbs after which the world may be another one, whatever the caller heard of it. */
export function isMutation(verb: Verb): boolean {
  return MUTATIONS.has(verb)
}

/** An answer of the daemon that is not a 2xx. */
export interface Refusal {
  readonly verb: Verb
  /** The container's id, or the image's or the container's name; empty where the verb has none. */
  readonly target: string
  readonly status: number
  readonly message: string
}

/**
 * What a refusal means: an error to throw, or undefined where the caller has what it wanted. Told apart by status and
 * message together, for dockerd uses one status for several things and `reason` misleads (facts, measured on 20.10).
 */
export function readRefusal(refusal: Refusal): DockerError | undefined {
  const { verb, status } = refusal
  if (isMutation(verb) && isGatewayStatus(status)) return as(UnknownOutcome, refusal)
  switch (verb) {
    case 'create':
      return readCreate(refusal)
    case 'start':
      return readStart(refusal)
    case 'stop':
      return status === 304 || status === 404 ? undefined : as(DockerError, refusal)
    case 'remove':
      return readRemove(refusal)
    case 'restart':
    case 'inspect':
      return as(status === 404 ? NotFound : DockerError, refusal)
    case 'logTail':
      return as(status === 404 || isGoing(refusal) ? NotFound : DockerError, refusal)
    default:
      return as(DockerError, refusal)
  }
}

/**
 * A socket proxy in front of the daemon answers so when it lost the daemon half-way: the request may have been carried
 * out. A 500 is dockerd's own word: it undoes a failed create before it answers.
 */
function isGatewayStatus(status: number): boolean {
  return status === 502 || status === 503 || status === 504
}

function readCreate(refusal: Refusal): DockerError {
  if (refusal.status === 409 && /already in use/i.test(refusal.message)) {
    return as(NameTaken, refusal)
  }
  if (refusal.status === 404 && /no such image/i.test(refusal.message)) {
    return as(ImageMissing, refusal)
  }
  return as(DockerError, refusal)
}

function readStart(refusal: Refusal): DockerError | undefined {
  if (refusal.status === 304) return undefined
  if (isNamespaceLoss(refusal)) return as(NamespaceGone, refusal)
  if (refusal.status === 404 || isGoing(refusal)) return as(NotFound, refusal)
  return as(DockerError, refusal)
}

/** A 404 names the container whose network is joined, not the one that was to be started. */
function isNamespaceLoss({ message, target }: Refusal): boolean {
  const missing = /no such container: ?"?([0-9a-zA-Z_.-]+)/i.exec(message)?.[1]
  if (missing !== undefined) return !isSame(missing, target)
  if (/cannot join network of a non running container/i.test(message)) return true
  const restarting = /container (\S+) is restarting, wait/i.exec(message)?.[1]
  if (restarting !== undefined) return !isSame(restarting, target)
  // The owner died between dockerd's look at it and the runtime's: its /proc entry is gone.
  return /\/proc\/\d+\/ns\/net/.test(message)
}

function isSame(named: string, target: string): boolean {
  return named.length >= 12 && target.startsWith(named)
}

function isGoing({ status, message }: Refusal): boolean {
  return status === 409 && /marked for removal/i.test(message)
}

/** A removal already under way is success: the next list shows how it went, and until then the name is taken. */
function readRemove(refusal: Refusal): DockerError | undefined {
  if (refusal.status === 404) return undefined
  if (refusal.status === 409 && /already in progress/i.test(refusal.message)) return undefined
  return as(DockerError, refusal)
}

type ErrorClass = new (message: string, options: { status: number }) => DockerError

function as(Class: ErrorClass, { verb, target, status, message }: Refusal): DockerError {
  const what = target === '' ? verb : `${verb} ${shorten(target)}`
  return new Class(`docker ${what}: ${message} (HTTP ${status})`, { status })
}

/** Ids are shown as the docker client shows them. */
export function shorten(target: string): string {
  return /^[0-9a-f]{64}$/.test(target) ? target.slice(0, 12) : target
}
