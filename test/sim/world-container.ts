import type { Refusal, Verb } from '../../src/docker/answer.ts'
import type {
  ContainerDetail,
  ContainerHealth,
  ContainerId,
  ContainerSpec,
  ContainerState,
} from '../../src/docker/port.ts'
import type { Mark } from '../../src/store/mark.ts'

/** A container as it truly is, whatever any list, event or answer says. */
export interface WorldContainer extends ContainerDetail {
  readonly spec: ContainerSpec
  /** Its network namespace while it runs: grows with every start of a namespace's owner. */
  readonly netns: number | undefined
  /** It runs unpaused, in a namespace that still has its network: its ports could be reached. */
  readonly isReachable: boolean
  readonly log: readonly string[]
}

/** What the process in a container does. */
export interface Program {
  /** Ports it binds within its namespace. When one is taken it exits with code 1. */
  readonly ports: readonly number[]
  /** ms from SIGTERM to its exit; Infinity when it ignores SIGTERM. */
  readonly stopMs: number
  /** ms after its start at which it exits by itself. */
  readonly exitAfterMs?: number | undefined
  readonly exitCode?: number | undefined
  /** Lines that it writes at its start. */
  readonly output?: readonly string[] | undefined
}

export type EffectVerb =
  | 'create'
  | 'start'
  | 'stop'
  | 'die'
  | 'remove'
  | 'destroy'
  | 'pause'
  | 'unpause'
  | 'rename'
  | 'health'

/** Who does something: a process under a lease, or the world itself. */
export interface Doer {
  readonly name: string
  readonly epoch?: number | undefined
  /** The mark that a stop or remove was asked for with. */
  readonly mark?: Mark | undefined
}

/** One change of the world, for judges that trust nobody's word. */
export interface Effect extends Doer {
  readonly sequence: number
  /** Unix ms. */
  readonly at: number
  readonly verb: EffectVerb
  /** As it was right after. */
  readonly container: WorldContainer
}

/** The daemon's "no", before anybody made an error of it. */
export class DaemonRefusal extends Error {
  override readonly name = 'DaemonRefusal'
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

export function refuse(verb: Verb, target: string, status: number, message: string): DaemonRefusal {
  return new DaemonRefusal({ verb, target, status, message })
}

/** The daemon's own record of a container. Only the world changes it. */
export interface Container {
  readonly id: ContainerId
  readonly spec: ContainerSpec
  /** Owners resolved to ids. */
  readonly networkMode: string
  readonly createdAt: number
  readonly log: string[]
  name: string
  state: ContainerState
  startedAt: number
  startedAtText: string
  finishedAt: number
  exitCode: number
  error: string
  health: ContainerHealth
  netns: number | undefined
  bound: readonly number[]
  /** Told when it has exited. */
  waiters: (() => void)[]
  /** What the running process is about to do. */
  plans: Disposable[]
  /** What a paused process would have done meanwhile. */
  held: (() => void)[]
}

/** A container that was never started. */
export function newContainer(
  fixed: Pick<Container, 'id' | 'spec' | 'networkMode' | 'createdAt'>,
): Container {
  return {
    ...fixed,
    log: [],
    name: fixed.spec.name,
    state: 'created',
    startedAt: 0,
    startedAtText: '0001-01-01T00:00:00Z',
    finishedAt: 0,
    exitCode: 0,
    error: '',
    health: 'none',
    netns: undefined,
    bound: [],
    waiters: [],
    plans: [],
    held: [],
  }
}

export function isAlive({ state }: { readonly state: ContainerState }): boolean {
  return state === 'running' || state === 'paused'
}

/** A copy that stays as it is. */
export function viewOf(container: Container, hasNetwork: boolean): WorldContainer {
  const { spec, id, name, state, networkMode, createdAt } = container
  const isJoined = networkMode.startsWith('container:')
  return {
    spec,
    id,
    name,
    state,
    networkMode,
    createdAt,
    labels: spec.labels,
    image: spec.image,
    startedAt: container.startedAt,
    startedAtText: container.startedAtText,
    finishedAt: container.finishedAt,
    exitCode: container.exitCode,
    error: container.error,
    oomKilled: false,
    health: container.health,
    addresses:
      isAlive(container) && !isJoined ? { [networkMode]: addressIn(container.netns ?? 0) } : {},
    netns: isAlive(container) ? container.netns : undefined,
    isReachable: state === 'running' && hasNetwork,
    log: [...container.log],
  }
}

/** A new namespace gets a new address, as Docker's own hand-out does until it wraps around. */
function addressIn(netns: number): string {
  return `172.${17 + ((netns >> 16) & 7)}.${(netns >> 8) & 255}.${netns & 255}`
}
