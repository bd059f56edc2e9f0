import type { Lease } from '../lease/lease.ts'
import type { Mark } from '../store/mark.ts'

/** A full 64-hex container id. Names only create; everything else acts on ids. */
export type ContainerId = string & { readonly brand: 'ContainerId' }

/** Docker's own word for where a container is. */
export type ContainerState =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead'

/** One row of a container list. */
export interface ContainerSummary {
  readonly id: ContainerId
  /** Without the leading slash. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly state: ContainerState
  /** `bridge`, a network's name, or `container:<64-hex id>`. */
  readonly networkMode: string
  readonly image: string
  /** Unix ms, in whole seconds as Docker lists it. */
  readonly createdAt: number
}

export type ContainerHealth = 'none' | 'starting' | 'healthy' | 'unhealthy'

/** What an inspect adds. Times are Unix ms; 0 where Docker has none yet. */
export interface ContainerDetail extends ContainerSummary {
  readonly startedAt: number
  /** Docker's own spelling of StartedAt, nanoseconds kept: half of a VPN node's generation. */
  readonly startedAtText: string
  readonly finishedAt: number
  readonly exitCode: number
  /** State.Error, for instance why a start failed; empty otherwise. */
  readonly error: string
  readonly oomKilled: boolean
  readonly health: ContainerHealth
  /** IPv4 addresses by Docker network name. */
  readonly addresses: Readonly<Record<string, string>>
}

/** A container to create. Restart policy `no`, no AutoRemove and Init are not settable: the adapter sets them. */
export interface ContainerSpec {
  readonly name: string
  readonly image: string
  /** `NAME=value`, in order. */
  readonly env: readonly string[]
  /** Replaces the image's CMD when given. */
  readonly command?: readonly string[] | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly networkMode: string
  /** TCP ports published on the host; none with a `container:` network. */
  readonly publish: readonly PublishedPort[]
  readonly memoryBytes?: number | undefined
  readonly cpus?: number | undefined
}

export interface PublishedPort {
  readonly address: string
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp'
}

/** A Docker event, cut down to what wakes a loop. It may be lost, doubled or late. */
export interface DockerEvent {
  /** `create`, `start`, `die`, `destroy`, `rename`, `health_status: healthy` … as Docker says it. */
  readonly action: string
  readonly id: ContainerId
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Unix ms. */
  readonly at: number
}

/** Reading the daemon. Every call ends by its own timeout or by the signal, with a {@link DockerError}. */
export interface DockerReader {
  /** All containers of the daemon, ours and others'. Read-your-writes. A failed list throws: it is never an empty world. */
  list(signal: AbortSignal): Promise<readonly ContainerSummary[]>
  /** @throws {NotFound} */
  inspect(id: ContainerId | string, signal: AbortSignal): Promise<ContainerDetail>
  /** The last lines of stdout and stderr together, oldest first, at most `lines`. */
  logTail(id: ContainerId, lines: number, signal: AbortSignal): Promise<readonly string[]>
  hasImage(image: string, signal: AbortSignal): Promise<boolean>
  /** Resolves when the daemon answers at all. */
  ping(signal: AbortSignal): Promise<void>
  /** Server and API version. */
  version(signal: AbortSignal): Promise<{ readonly server: string; readonly api: string }>
  /**
   * Container events for ever: reconnects by itself. Yields `'connected'` after every (re)connect, whereupon the
   * consumer must look at everything again, for events are lost by design.
   */
  events(signal: AbortSignal): AsyncIterable<DockerEvent | 'connected'>
}

/**
 * Changing the daemon. Each call runs `lease.assertHeld()` in the very tick in which it hands the request on (I7);
 * what a lost lease refuses throws LeaseLost and has changed nothing. Stop and remove act on a marked container only;
 * restart is for a VPN node's container, which is not ours (I8), and for nothing else.
 */
export interface DockerWriter {
  /** @throws {NameTaken | ImageMissing | UnknownOutcome | DockerError} */
  create(lease: Lease, spec: ContainerSpec, signal: AbortSignal): Promise<ContainerId>
  /** Starting a running container is success. */
  start(lease: Lease, id: ContainerId, signal: AbortSignal): Promise<void>
  /** Stopping a stopped or gone container is success. `graceS` seconds of SIGTERM before SIGKILL. */
  stop(lease: Lease, mark: Mark, graceS: number, signal: AbortSignal): Promise<void>
  /**
   * Stops a container that is not ours with `graceS` seconds of SIGTERM before SIGKILL, and starts it; one that does not
   * run is started. It gets a new network namespace.
   * @throws {NotFound | UnknownOutcome | DockerError}
   */
  restartNode(lease: Lease, id: ContainerId, graceS: number, signal: AbortSignal): Promise<void>
  /** Never forced: removing a running container throws. A gone container is success. */
  remove(lease: Lease, mark: Mark, signal: AbortSignal): Promise<void>
  /** Pulls an image; changes no container. `onProgress` gets short human lines, at most one a second. */
  pull(
    lease: Lease,
    image: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void>
}

export type Docker = DockerReader & DockerWriter
