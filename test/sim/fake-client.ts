import { isMutation, readRefusal, shorten, type Verb } from '../../src/docker/answer.ts'
import { DockerError, DockerUnreachable, UnknownOutcome } from '../../src/docker/errors.ts'
import type {
  ContainerDetail,
  ContainerSummary,
  Docker,
  DockerEvent,
} from '../../src/docker/port.ts'
import type { Lease } from '../../src/lease/lease.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { DockerWorld } from './docker-world.ts'
import type { EventFeed } from './event-feed.ts'
import type { Latency } from './fake-docker.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { DaemonRefusal, type Doer, refuse, type WorldContainer } from './world-container.ts'

/** A call as it was issued. */
export interface Call {
  readonly sequence: number
  /** Unix ms. */
  readonly at: number
  readonly verb: Verb
  /** Which process issued it. */
  readonly by: string
  /** A container's id, or the name to create, or an image; empty otherwise. */
  readonly target: string
  readonly epoch: number | undefined
}

/** What goes wrong with one call. */
export type Fault =
  /** Nothing was sent: no socket, no permission. */
  | { readonly kind: 'unreachable' }
  /** Answered with an error, before any effect. */
  | { readonly kind: 'refuse'; readonly status?: number; readonly message?: string }
  /** Sent, and lost before the daemon: cut off at once, without effect. */
  | { readonly kind: 'lostRequest' }
  /** Carried out, and the connection cut before the answer. */
  | { readonly kind: 'lostReply' }
  /** Never answered: ends by timeout or signal. Carried out or not. */
  | { readonly kind: 'hang'; readonly isCarriedOut: boolean }
  /** Handed on by a process that is paused before it is sent: it goes out when the process runs again. */
  | { readonly kind: 'stalled' }
  /** Late on the way there (carried out after the caller gave up, perhaps) or back (an old answer). */
  | { readonly kind: 'slow'; readonly requestMs?: number; readonly replyMs?: number }

/** What clients share with their daemon. */
export interface Wire {
  readonly clock: VirtualClock
  readonly world: DockerWorld
  readonly feed: EventFeed
  readonly registry: ReadonlySet<string>
  readonly latency: Latency
  readonly timeoutMs: number
  isDown: boolean
  /** Cut off the calls under way. */
  readonly cuts: Set<() => void>
  /** Records a call about to be sent and decides on its fault. */
  admit(call: Omit<Call, 'sequence'>): Fault | undefined
}

interface Request<T> {
  readonly verb: Verb
  readonly target: string
  readonly signal: AbortSignal
  readonly lease?: Lease
  readonly mark?: Mark
  readonly timeoutMs?: number
  /** Runs at the daemon. */
  readonly carryOut: (doer: Doer) => T | Promise<T>
}

/** As the adapter, which refuses names and short ids. */
const ACTS_ON_ID: ReadonlySet<Verb> = new Set<Verb>([
  'start',
  'stop',
  'restart',
  'remove',
  'logTail',
])

/** How long until a broken event stream is opened again, ms: inside the adapter's own 0.1 … 5 s. */
const RECONNECT_MS = 500

/** One process's client of the daemon. */
export function fakeClient(wire: Wire, process: SimProcess): Docker {
  const send = <T>(request: Request<T>) => sendRequest(wire, process, request)
  return {
    list: (signal) =>
      send({
        verb: 'list',
        target: '',
        signal,
        carryOut: () => wire.world.all().map(summaryOf),
      }),
    inspect: (id, signal) =>
      send({
        verb: 'inspect',
        target: id,
        signal,
        carryOut: () => detailOf(need(wire.world, 'inspect', id)),
      }),
    logTail: (id, lines, signal) =>
      send({
        verb: 'logTail',
        target: id,
        signal,
        carryOut: () => need(wire.world, 'logTail', id).log.slice(-lines),
      }),
    hasImage: (image, signal) =>
      send({
        verb: 'hasImage',
        target: image,
        signal,
        carryOut: () => wire.world.images.has(image),
      }),
    ping: (signal) => send({ verb: 'ping', target: '', signal, carryOut: () => {} }),
    version: (signal) =>
      send({
        verb: 'version',
        target: '',
        signal,
        carryOut: () => ({ server: '20.10.24', api: '1.41' }),
      }),
    events: (signal) => readEvents(wire, process, signal),
    create: (lease, spec, signal) =>
      send({
        verb: 'create',
        target: spec.name,
        signal,
        lease,
        carryOut: (doer) => wire.world.create(doer, spec),
      }),
    start: (lease, id, signal) =>
      send({
        verb: 'start',
        target: id,
        signal,
        lease,
        carryOut: (doer) => wire.world.start(doer, id),
      }),
    stop: (lease, mark, graceS, signal) =>
      send({
        verb: 'stop',
        target: mark.containerId,
        signal,
        lease,
        mark,
        timeoutMs: graceS * 1000 + wire.timeoutMs,
        carryOut: (doer) => wire.world.stop(doer, mark.containerId, graceS),
      }),
    restartNode: (lease, id, graceS, signal) =>
      send({
        verb: 'restart',
        target: id,
        signal,
        lease,
        timeoutMs: graceS * 1000 + wire.timeoutMs,
        carryOut: (doer) => wire.world.restart(doer, id, graceS),
      }),
    remove: (lease, mark, signal) =>
      send({
        verb: 'remove',
        target: mark.containerId,
        signal,
        lease,
        mark,
        carryOut: (doer) => wire.world.remove(doer, mark.containerId),
      }),
    pull: (lease, image, onProgress, signal) =>
      send({
        verb: 'pull',
        target: image,
        signal,
        lease,
        carryOut: () => {
          if (!wire.registry.has(image)) {
            throw refuse('pull', image, 404, `manifest for ${image} not found`)
          }
          process.deliver(() => onProgress('Downloading'))
          wire.world.images.add(image)
        },
      }),
  }
}

function sendRequest<T>(wire: Wire, process: SimProcess, request: Request<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const { verb, target, signal, lease } = request
    if (ACTS_ON_ID.has(verb) && !/^[0-9a-f]{64}$/.test(target)) {
      throw new DockerError(`docker ${verb}: "${target}" is not a full container id`)
    }
    if (signal.aborted) throw new DockerError(`docker ${verb}: aborted before it was sent`)
    lease?.assertHeld()
    const call = { at: wire.clock.now(), verb, by: process.name, target, epoch: lease?.epoch }
    const fault = wire.admit(call)
    if (wire.isDown || fault?.kind === 'unreachable') {
      wire.clock.timer(1, () => process.deliver(() => reject(unreachable(verb))))
      return
    }

    const end = (settle: () => void) => {
      timeout[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
      wire.cuts.delete(onCut)
      settle()
    }
    const onAbort = () => end(() => reject(cutOff(verb, target, 'aborted', signal.reason)))
    const onCut = () => process.deliver(() => end(() => reject(cutOff(verb, target, 'cut off'))))
    const timeout = process.clock.timer(request.timeoutMs ?? wire.timeoutMs, () =>
      end(() => reject(cutOff(verb, target, 'timed out'))),
    )
    signal.addEventListener('abort', onAbort, { once: true })
    wire.cuts.add(onCut)

    const { requestMs, replyMs } = travel(wire, verb, fault)
    const reply = (settle: () => void) => {
      if (fault?.kind === 'hang') return
      wire.clock.timer(replyMs, () => {
        if (fault?.kind === 'lostReply') onCut()
        else process.deliver(() => end(settle))
      })
    }
    const arrive = () => {
      if (wire.isDown) return
      if (fault?.kind === 'lostRequest') return onCut()
      if (fault?.kind === 'hang' && !fault.isCarriedOut) return
      carryOut(process, request, fault).then(
        (result) => reply(() => resolve(result)),
        (error: unknown) => reply(() => settleRefusal(error, resolve, reject)),
      )
    }
    const depart = () => void wire.clock.timer(requestMs, arrive)
    if (fault?.kind === 'stalled') process.deliver(depart)
    else depart()
  })
}

async function carryOut<T>(
  process: SimProcess,
  { verb, target, lease, mark, carryOut: act }: Request<T>,
  fault: Fault | undefined,
): Promise<T> {
  if (fault?.kind === 'refuse') {
    throw refuse(verb, target, fault.status ?? 500, fault.message ?? 'injected failure')
  }
  return await act({ name: process.name, epoch: lease?.epoch, mark })
}

/** A refusal that means success has no result to give: only verbs without one are refused so. */
function settleRefusal<T>(
  error: unknown,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  const meaning = error instanceof DaemonRefusal ? readRefusal(error.refusal) : error
  if (meaning === undefined) resolve(undefined as T)
  else reject(meaning)
}

function travel(wire: Wire, verb: Verb, fault: Fault | undefined) {
  const { requestMs, replyMs } = wire.latency(verb)
  if (fault?.kind !== 'slow') return { requestMs, replyMs }
  return { requestMs: fault.requestMs ?? requestMs, replyMs: fault.replyMs ?? replyMs }
}

async function* readEvents(
  wire: Wire,
  process: SimProcess,
  signal: AbortSignal,
): AsyncGenerator<DockerEvent | 'connected', void, void> {
  while (!signal.aborted) {
    if (!wire.isDown) yield* wire.feed.connect((run) => process.deliver(run), signal)
    await process.clock.sleep(RECONNECT_MS, signal).catch(() => {})
  }
}

function need(world: DockerWorld, verb: Verb, reference: string): WorldContainer {
  const found = world.find(reference)
  if (found === undefined) throw refuse(verb, reference, 404, `No such container: ${reference}`)
  return found
}

function unreachable(verb: Verb): DockerError {
  return new DockerUnreachable(`docker ${verb}: connect ECONNREFUSED`)
}

function cutOff(verb: Verb, target: string, how: string, cause?: unknown): DockerError {
  const Class = isMutation(verb) ? UnknownOutcome : DockerError
  return new Class(`docker ${verb} ${shorten(target)}: ${how}`, { cause })
}

/** What a list tells: no more than the real one does. */
function summaryOf(container: WorldContainer): ContainerSummary {
  const { id, name, labels, state, networkMode, image, createdAt } = container
  return { id, name, labels, state, networkMode, image, createdAt }
}

function detailOf(container: WorldContainer): ContainerDetail {
  const { spec: _, netns: __, isReachable: ___, log: ____, ...detail } = container
  return detail
}
