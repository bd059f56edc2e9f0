/** Thrown when the daemon refused, failed or did not answer. Reads may be repeated; nothing may be concluded from it. */
export class DockerError extends Error {
  override readonly name: string = 'DockerError'
  readonly code: string = 'ACE_DOCKER'
  /** HTTP status, when the daemon answered at all. */
  readonly status: number | undefined
  constructor(message: string, options: { cause?: unknown; status?: number | undefined } = {}) {
    super(message, { cause: options.cause })
    this.status = options.status
  }
}

/** Thrown when the daemon cannot be reached: no socket, connection refused, permission denied. Nothing was sent. */
export class DockerUnreachable extends DockerError {
  override readonly name = 'DockerUnreachable'
  override readonly code = 'ACE_DOCKER_UNREACHABLE'
}

/** Thrown when a mutation may or may not have happened: timed out, aborted or cut off after it was sent. */
export class UnknownOutcome extends DockerError {
  override readonly name = 'UnknownOutcome'
  override readonly code = 'ACE_DOCKER_UNKNOWN_OUTCOME'
}

/** Thrown when a create meets a name that is taken. News, never a reason to delete. */
export class NameTaken extends DockerError {
  override readonly name = 'NameTaken'
  override readonly code = 'ACE_DOCKER_NAME_TAKEN'
}

/** Thrown when the image of a create is not on the daemon. */
export class ImageMissing extends DockerError {
  override readonly name = 'ImageMissing'
  override readonly code = 'ACE_DOCKER_IMAGE_MISSING'
}

/** Thrown when the container of an inspect, start or log read is gone. */
export class NotFound extends DockerError {
  override readonly name = 'NotFound'
  override readonly code = 'ACE_DOCKER_NOT_FOUND'
}

/** Thrown when a start fails because the container whose network it joins is gone, stopped or restarting. */
export class NamespaceGone extends DockerError {
  override readonly name = 'NamespaceGone'
  override readonly code = 'ACE_DOCKER_NAMESPACE_GONE'
}

/** Thrown when DOCKER_HOST, a docker context or the TLS files behind it can not be used. Nothing was sent. */
export class DockerHostInvalid extends DockerError {
  override readonly name = 'DockerHostInvalid'
  override readonly code = 'ACE_DOCKER_HOST_INVALID'
}
