import { LeaseLost } from '../lease/lease.ts'
import { isMutation, shorten, type Verb } from './answer.ts'
import { Expired } from './deadline.ts'
import { DockerError, DockerUnreachable, UnknownOutcome } from './errors.ts'
import { scrub } from './host.ts'

/** A call that got no answer, and how far it had come. */
export interface Attempt {
  readonly verb: Verb
  readonly target: string
  /** The daemon's address, for people. */
  readonly address: string
  /** Whether the request was handed to the transport. */
  readonly wasSent: boolean
}

/** What a call that was not answered means. A lost lease passes through as it is. */
export function readFailure(attempt: Attempt, error: unknown): Error {
  if (error instanceof LeaseLost || error instanceof DockerError) return error
  const why = describe(error)
  const what = `docker ${attempt.verb} ${shorten(attempt.target)}`.trimEnd()
  if (isBeforeSending(error)) {
    const message = `${what}: ${attempt.address} can not be reached: ${mend(error, attempt.address) ?? why}`
    return new DockerUnreachable(message, { cause: error })
  }
  if (attempt.wasSent && isMutation(attempt.verb)) {
    return new UnknownOutcome(`${what}: ${why}, it may or may not have happened`, { cause: error })
  }
  return new DockerError(`${what}: ${why}`, { cause: error })
}

/** Failures to connect. The same codes after the connection stood have another `syscall`, or none. */
function isBeforeSending(error: unknown): boolean {
  if (error instanceof Expired) return false
  const { code = '', syscall = '', message = '' } = error as NodeJS.ErrnoException
  if (syscall === 'connect' || syscall.startsWith('getaddrinfo')) return true
  // The TLS handshake comes before the request.
  return (
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO$)/.test(code) ||
    message.includes('before secure TLS connection was established')
  )
}

function mend(error: unknown, address: string): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; add the user to the docker group (`sudo usermod -aG docker "$USER"`, then log in again) or run as root'
    case 'ENOENT':
      return 'there is no such socket; is Docker installed and running (`sudo systemctl start docker`), and is DOCKER_HOST right?'
    case 'ECONNREFUSED':
      return 'nothing listens there; is dockerd running (`sudo systemctl start docker`)?'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name does not resolve; is ${address} right?`
    default:
      return undefined
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return scrub(String(error))
  const { code } = error as NodeJS.ErrnoException
  const message = scrub(error.message) || error.name
  return code === undefined || error instanceof Expired || message.includes(code)
    ? message
    : `${message} (${code})`
}
