import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDocker, type DockerConnection } from '../../src/docker/dockerode.ts'
import type { DockerError } from '../../src/docker/errors.ts'
import { type Clock, makeClock, systemClock } from '../../src/time/clock.ts'

/** A request as it came in: `POST /v1.41/containers/create?name=a`. */
export interface Heard {
  readonly line: string
  readonly body: string
}

export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
) => void | Promise<void>

/** A local server that stands in for a daemon and misbehaves as told. */
export interface BrokenDaemon extends AsyncDisposable {
  readonly socket: string
  readonly heard: readonly Heard[]
  /** Answers everything; by default nothing but a version. */
  answer: Answer
  /** What `/version` says. */
  version: unknown
  connect(clock?: Clock): DockerConnection
  /** Breaks of the event stream that clients told of. */
  readonly breaks: readonly DockerError[]
  /** Cuts all connections. */
  cut(): void
}

/** Time so many times as fast: at 20, a timeout of 15 s is 0.75 s. */
export function makeFastClock(factor: number): Clock {
  return makeClock({
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    timer: (ms, fire) => systemClock.timer(ms / factor, fire),
  })
}

export const json = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

/** Starts one on a socket of its own. */
export async function startBrokenDaemon(): Promise<BrokenDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-docker-'))
  const socket = join(folder, 'docker.sock')
  const heard: Heard[] = []
  const breaks: DockerError[] = []
  const connections: DockerConnection[] = []
  const server = createServer(async (request, response) => {
    response.on('error', () => {})
    let body = ''
    for await (const chunk of request) body += chunk
    if (request.url === '/version') return json(response, 200, daemon.version)
    heard.push({ line: `${request.method} ${request.url}`, body })
    await daemon.answer(request, response, body)
  })
  server.on('clientError', () => {})
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const daemon: BrokenDaemon = {
    socket,
    heard,
    breaks,
    answer: () => {},
    version: { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12' },
    connect: (clock = systemClock) => {
      const connection = connectDocker({
        clock,
        env: { DOCKER_HOST: `unix://${socket}` },
        home: folder,
        onEventsBroken: (error) => breaks.push(error),
      })
      connections.push(connection)
      return connection
    },
    cut: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection[Symbol.dispose]()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return daemon
}
