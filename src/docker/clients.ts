import http from 'node:http'
import https from 'node:https'
import { inspect } from 'node:util'
import Dockerode from 'dockerode'
import type { DockerHost, DockerTls } from './host.ts'

/**
 * Three pools, so that none waits for another: reads share few sockets; a mutation never queues for a socket after
 * its lease was checked; streams stay open for long.
 */
export interface Clients {
  readonly reads: Dockerode
  readonly mutations: Dockerode
  readonly streams: Dockerode
}

export interface ClientPool extends Disposable {
  /** Clients that pin this API version, `v1.41`; without one for asking which there are. */
  at(version: string | undefined): Clients
}

/** Reads at once; a fleet of hundreds is one list, so that few are enough and the daemon is spared. */
const READ_SOCKETS = 8

/** Builds the pools; connects nowhere yet. */
export function makeClientPool(host: DockerHost): ClientPool {
  const agents = {
    reads: makeAgent(host, { keepAlive: true, maxSockets: READ_SOCKETS }),
    mutations: makeAgent(host, { keepAlive: true, maxFreeSockets: READ_SOCKETS }),
    streams: makeAgent(host, { keepAlive: false }),
  }
  return {
    at: (version) => ({
      reads: makeClient(host, agents.reads, version),
      mutations: makeClient(host, agents.mutations, version),
      streams: makeClient(host, agents.streams, version),
    }),
    [Symbol.dispose]: () => {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function makeAgent({ tls }: DockerHost, options: http.AgentOptions): http.Agent {
  return tls === undefined ? quiet(new http.Agent(options)) : quiet(makeTlsAgent(tls, options))
}

function makeTlsAgent(
  { ca, cert, key, verifies }: DockerTls,
  options: http.AgentOptions,
): https.Agent {
  return new https.Agent({ ...options, ca, cert, key, rejectUnauthorized: verifies })
}

/**
 * docker-modem 5.0.7 writes every request's options out in full for a debug log, whether or not there is one: with the
 * agent go all its sockets and waiting requests. That took ms per call, and minutes for a few hundred at once (measured).
 */
function quiet<A extends http.Agent>(agent: A): A {
  return Object.defineProperty(agent, inspect.custom, { value: () => 'agent' })
}

function makeClient(host: DockerHost, agent: http.Agent, version: string | undefined): Dockerode {
  const { target, tls } = host
  const isSocket = target.kind === 'socket'
  // Each key is given, undefined ones too: docker-modem fills what is missing from the process's environment.
  const options = {
    socketPath: isSocket ? target.path : undefined,
    host: isSocket ? undefined : target.host,
    port: isSocket ? undefined : target.port,
    protocol: tls === undefined ? ('http' as const) : ('https' as const),
    ca: undefined,
    cert: undefined,
    key: undefined,
    username: undefined,
    // Its timeout is an idle timeout and kills a quiet event stream; each call has a deadline of its own.
    timeout: undefined,
    pathPrefix: '/',
    version,
    agent,
  }
  return new Dockerode(options)
}
