import type Dockerode from 'dockerode'
import type { Lease } from '../lease/lease.ts'
import type { Mark } from '../store/mark.ts'
import type { Clock } from '../time/clock.ts'
import { readRefusal } from './answer.ts'
import { DockerError, NotFound, UnknownOutcome } from './errors.ts'
import { readEvents } from './events.ts'
import { type DockerHostInput, resolveDockerHost } from './host.ts'
import { readLogTail } from './log-tail.ts'
import { parseDetail, parseId, parseList } from './parse.ts'
import { ping } from './ping.ts'
import type { ContainerId, ContainerSpec, Docker } from './port.ts'
import { pullImage } from './pull.ts'
import { makeWire, type Wire } from './wire.ts'

export interface ConnectOptions extends DockerHostInput {
  readonly clock: Clock
  /** Limit of one call, ms; a stop gets its grace on top. Default 15 s. */
  readonly timeoutMs?: number
  /** Jitter of reconnects, in [0, 1). */
  readonly random?: () => number
  /** Told each time the event stream broke. It is opened again without further help. */
  readonly onEventsBroken?: (error: DockerError) => void
}

/** A {@link Docker} that can be let go of. */
export interface DockerConnection extends Docker, Disposable {
  /** Where the daemon is, for people: no credentials in it. */
  readonly address: string
}

/** dockerd answers within ms; starts of many containers queue up behind one another for seconds. */
const TIMEOUT_MS = 15_000

/**
 * A Docker daemon, through dockerode. Nothing is connected until the first call.
 * @throws {DockerHostInvalid}
 */
export function connectDocker(options: ConnectOptions): DockerConnection {
  const { clock, timeoutMs = TIMEOUT_MS, random = Math.random } = options
  const host = resolveDockerHost(options)
  const wire = makeWire({ host, clock, timeoutMs })
  const onBreak = options.onEventsBroken ?? (() => {})
  return {
    address: host.address,
    list: async (signal) => parseList(await wire.ask(listRequest(signal))),
    inspect: (reference, signal) => inspect(wire, reference, signal),
    logTail: async (id, lines, signal) => {
      assertId('logTail', id)
      return await readLogTail(wire, timeoutMs, id, lines, signal)
    },
    hasImage: (image, signal) => hasImage(wire, image, signal),
    ping: (signal) => ping(wire, signal),
    version: async (signal) => {
      const { server, api } = await wire.version(signal)
      return { server, api }
    },
    events: (signal) => readEvents(wire, { random, onBreak }, signal),
    create: (lease, spec, signal) => create(wire, lease, spec, signal),
    start: async (lease, id, signal) => {
      assertId('start', id)
      await wire.order({
        verb: 'start',
        target: id,
        signal,
        lease,
        send: ({ mutations }, abortSignal) => mutations.getContainer(id).start({ abortSignal }),
      })
    },
    stop: (lease, mark, graceS, signal) => stop(wire, timeoutMs, lease, mark, graceS, signal),
    restartNode: async (lease, id, graceS, signal) => {
      assertId('restart', id)
      await wire.order({
        verb: 'restart',
        target: id,
        signal,
        lease,
        timeoutMs: graceS * 1000 + timeoutMs,
        send: ({ mutations }, abortSignal) =>
          mutations.getContainer(id).restart({ t: graceS, abortSignal }),
      })
    },
    remove: async (lease, { containerId: id }, signal) => {
      assertId('remove', id)
      await wire.order({
        verb: 'remove',
        target: id,
        signal,
        lease,
        send: ({ mutations }, abortSignal) => mutations.getContainer(id).remove({ abortSignal }),
      })
    },
    pull: (lease, image, onProgress, signal) =>
      isImageReference(image)
        ? pullImage(wire, lease, image, onProgress, signal)
        : Promise.reject(notAnImage(image)),
    [Symbol.dispose]: () => wire[Symbol.dispose](),
  }
}

const listRequest = (signal: AbortSignal) => ({
  verb: 'list' as const,
  target: '',
  signal,
  send: ({ reads }: { reads: Dockerode }, abortSignal: AbortSignal): Promise<unknown> =>
    reads.listContainers({ all: true, abortSignal }),
})

async function inspect(wire: Wire, reference: string, signal: AbortSignal) {
  // A name that no container can have would become another path of the API.
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(reference)) {
    throw new NotFound(`docker inspect: "${reference}" can not name a container`)
  }
  const answer: unknown = await wire.ask({
    verb: 'inspect',
    target: reference,
    signal,
    send: ({ reads }, abortSignal) => reads.getContainer(reference).inspect({ abortSignal }),
  })
  return parseDetail(answer)
}

async function hasImage(wire: Wire, image: string, signal: AbortSignal): Promise<boolean> {
  if (!isImageReference(image)) throw notAnImage(image)
  const outcome = await wire.exchange({
    verb: 'hasImage',
    target: image,
    signal,
    // By the layer below `image.inspect()`, which can not be aborted.
    send: ({ reads }, abortSignal) =>
      new Promise<void>((resolve, reject) => {
        const path = `/images/${image}/json`
        const statusCodes = { 200: true }
        reads.modem.dial({ path, method: 'GET', statusCodes, abortSignal }, (error) =>
          error === null ? resolve() : reject(error),
        )
      }),
  })
  if (outcome.kind === 'answer') return true
  if (outcome.refusal.status === 404) return false
  throw readRefusal(outcome.refusal) ?? new DockerError(outcome.refusal.message)
}

async function create(
  wire: Wire,
  lease: Lease,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<ContainerId> {
  const body = createBody(spec)
  const created = await wire.ask({
    verb: 'create',
    target: spec.name,
    signal,
    lease,
    send: ({ mutations }, abortSignal) =>
      // Told apart, or dockerode would put the body into the URL as well, secrets and all.
      mutations.createContainer({
        _query: { name: spec.name },
        _body: body,
        abortSignal,
      } as Dockerode.ContainerCreateOptions),
  })
  const id = parseId(created.id)
  if (id !== undefined) return id
  throw new UnknownOutcome(`docker create ${spec.name}: the daemon's answer holds no container id`)
}

/** The controller is the only restarter, and the exit code of a dead engine must stay readable. */
function createBody(spec: ContainerSpec): Dockerode.ContainerCreateOptions {
  const portKey = (port: ContainerSpec['publish'][number]) =>
    `${port.containerPort}/${port.protocol}`
  const exposed = spec.publish.map((port) => [portKey(port), {}] as const)
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const port of spec.publish) {
    const binding = { HostIp: port.address, HostPort: String(port.hostPort) }
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding]
  }
  return {
    Image: spec.image,
    Env: [...spec.env],
    ...(spec.command === undefined ? {} : { Cmd: [...spec.command] }),
    Labels: { ...spec.labels },
    ...(exposed.length === 0 ? {} : { ExposedPorts: Object.fromEntries(exposed) }),
    HostConfig: {
      NetworkMode: spec.networkMode,
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      Init: true,
      ...(exposed.length === 0 ? {} : { PortBindings: bindings }),
      ...(spec.memoryBytes === undefined ? {} : { Memory: spec.memoryBytes }),
      ...(spec.cpus === undefined ? {} : { NanoCpus: Math.round(spec.cpus * 1e9) }),
    },
  }
}

async function stop(
  wire: Wire,
  timeoutMs: number,
  lease: Lease,
  { containerId: id }: Mark,
  graceS: number,
  signal: AbortSignal,
): Promise<void> {
  assertId('stop', id)
  await wire.order({
    verb: 'stop',
    target: id,
    signal,
    lease,
    timeoutMs: graceS * 1000 + timeoutMs,
    send: ({ mutations }, abortSignal) =>
      mutations.getContainer(id).stop({ t: graceS, abortSignal }),
  })
}

/** A name or a short id may mean another container by the time it is looked up. */
function assertId(verb: string, id: ContainerId): void {
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new DockerError(`docker ${verb}: "${id}" is not a full container id`)
  }
}

function isImageReference(image: string): boolean {
  return /^[\w][\w.\-/:@]*$/.test(image) && !image.includes('..')
}

function notAnImage(image: string): DockerError {
  return new DockerError(`"${image}" is not an image reference`)
}
