import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DockerProxy, startDockerProxy } from '../harness/docker-proxy.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'
import {
  type ControllerProcess,
  type IssuedCall,
  ROOT,
  startController,
} from './controller-process.ts'
import type { Failpoint } from './preload/messages.ts'

/** What a replica needs to begin. */
export interface ReplicaParts {
  readonly letter: string
  /** Where its log goes. */
  readonly dir: string
  readonly instance: string
  readonly specDir: string
  readonly dataPort: number
  /** Of the lease servers; one of them may be the data server. */
  readonly leasePorts: readonly number[]
  /** Further flags of `acefleet run`. */
  readonly flags: readonly string[]
  /** A seeded bug by name. */
  readonly bug: string | undefined
  /** In [0, 1). */
  readonly random: () => number
  readonly onIssued: (call: IssuedCall) => void
}

/** A real `acefleet run` with ways of its own to Redis and Docker. */
export interface Replica extends AsyncDisposable {
  readonly letter: string
  readonly docker: DockerProxy
  readonly data: TcpProxy
  /** In the order of the servers; the data server's own where that is a lease server as well. */
  readonly leases: readonly TcpProxy[]
  readonly logFile: string
  /** -1 before the first start. */
  pid(): number
  isRunning(): boolean
  /** Starts the process and waits until it listens. */
  start(): Promise<void>
  /** Ends the process and waits; SIGKILL ends it also while it is stopped. */
  end(signal?: NodeJS.Signals): Promise<void>
  pause(): void
  resume(): void
  /** Resolves when the process knows where to stop. */
  arm(point: Failpoint): Promise<void>
  /** Resolves with the call at which the process stopped itself; undefined when it did not in time. */
  stopped(withinMs: number): Promise<string | undefined>
  stepClock(ms: number): Promise<void>
  get<T>(path: string): Promise<T>
}

/** A replica that takes longer to answer a read is in trouble, ms. */
const ANSWER_MS = 5_000

interface Ways {
  readonly docker: DockerProxy
  readonly data: TcpProxy
  readonly leases: readonly TcpProxy[]
  readonly owned: AsyncDisposable
}

async function openWays(parts: ReplicaParts): Promise<Ways> {
  await using opened = new AsyncDisposableStack()
  const docker = opened.use(await startDockerProxy())
  const wayTo = async (port: number) => opened.use(await startTcpProxy({ port }, parts.random))
  const data = await wayTo(parts.dataPort)
  const leases: TcpProxy[] = []
  for (const port of parts.leasePorts)
    leases.push(port === parts.dataPort ? data : await wayTo(port))
  return { docker, data, leases, owned: opened.move() }
}

function argumentsOf(parts: ReplicaParts, { data, leases }: Ways): string[] {
  const preload = (file: string) => ['--import', join(import.meta.dirname, file)]
  const redis = (way: TcpProxy) => `redis://127.0.0.1:${way.port}`
  return [
    ...preload('failpoints.ts'),
    ...(parts.bug === undefined ? [] : preload('bugs/plant.ts')),
    ...['--disable-warning=ExperimentalWarning', join(ROOT, 'src/main.ts'), 'run'],
    ...['--spec', parts.specDir, '--instance', parts.instance, '--listen', '127.0.0.1:0'],
    ...['--redis', redis(data), '--lease-redis', ...leases.map(redis), ...parts.flags],
  ]
}

/** Opens its ways; the process is started later, and may be again and again. */
export async function makeReplica(parts: ReplicaParts): Promise<Replica> {
  const ways = await openWays(parts)
  const { docker, data, leases } = ways
  const logFile = join(parts.dir, `replica-${parts.letter}.log`)
  let current: ControllerProcess | undefined
  const running = (): ControllerProcess => {
    if (current === undefined) throw new Error(`replica ${parts.letter} was never started`)
    return current
  }
  return {
    ...{ letter: parts.letter, docker, data, leases, logFile },
    pid: () => current?.pid ?? -1,
    isRunning: () => current?.isRunning() === true,
    async start() {
      current = await startController({
        args: argumentsOf(parts, ways),
        env: {
          DOCKER_HOST: docker.url,
          ACEFLEET_LOG_LEVEL: 'debug',
          CHAOS_BUG: parts.bug,
          CHAOS_LEASE_PORTS: leases.map(({ port }) => port).join(','),
        },
        logFile,
        onIssued: parts.onIssued,
      })
    },
    end: async (signal = 'SIGTERM') => await current?.end(signal),
    pause: () => running().signal('SIGSTOP'),
    resume: () => running().signal('SIGCONT'),
    arm: (point) => running().order({ kind: 'arm', point }),
    async stopped(withinMs) {
      for (const end = performance.now() + withinMs; performance.now() < end; await sleep(10)) {
        const [hit] = running().hits()
        if (hit !== undefined) return hit
      }
      return undefined
    },
    stepClock: (ms) => running().order({ kind: 'step', ms }),
    async get<T>(path: string) {
      const signal = AbortSignal.timeout(ANSWER_MS)
      const answer = await fetch(`${running().url}${path}`, { signal })
      if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as T
    },
    async [Symbol.asyncDispose]() {
      await current?.end('SIGKILL')
      await ways.owned[Symbol.asyncDispose]()
    },
  }
}
