import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectDocker } from '../../src/docker/dockerode.ts'
import { DockerError, UnknownOutcome } from '../../src/docker/errors.ts'
import type { ContainerId, ContainerSpec } from '../../src/docker/port.ts'
import { LeaseLost } from '../../src/lease/lease.ts'
import { systemClock } from '../../src/time/clock.ts'
import { heldLease, markOf } from '../conformance/docker-bench.ts'
import { type BrokenDaemon, json, makeFastClock, startBrokenDaemon } from './broken-daemon.ts'

const calm = new AbortController().signal
const ID = 'a'.repeat(64) as ContainerId
const ROW = {
  Id: ID,
  Names: ['/home.0'],
  Image: 'engine',
  Labels: null,
  State: 'running',
  Created: 1_700_000_000,
  HostConfig: { NetworkMode: 'default' },
}
const spec: ContainerSpec = {
  name: 'home.0',
  image: 'engine:1',
  env: ['TOKEN=secret'],
  labels: { 'acefleet.fleet': 'home' },
  networkMode: 'bridge',
  publish: [],
}

let daemon: BrokenDaemon
beforeEach(async () => {
  daemon = await startBrokenDaemon()
})
afterEach(async () => {
  await daemon[Symbol.asyncDispose]()
})

/** The error that a call ends with. */
async function failureOf(call: Promise<unknown>): Promise<DockerError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof DockerError)) throw new Error('no DockerError', { cause: error })
  return error
}

/** 15 s are 0.75 s. */
const hurried = makeFastClock(20)

describe('a daemon that never answers', () => {
  it('fails reads by their timeout, as errors and never as an empty world (I9)', async () => {
    const docker = daemon.connect(hurried)
    const reads = [
      docker.list(calm),
      docker.inspect(ID, calm),
      docker.hasImage('engine:1', calm),
      docker.logTail(ID, 5, calm),
    ]
    for (const error of await Promise.all(reads.map(failureOf))) {
      expect(error.name).toBe('DockerError')
      expect(error.message).toContain('no answer within 15 s')
    }
  })

  it('leaves the outcome of every change unknown (I2)', async () => {
    const docker = daemon.connect(hurried)
    const changes = [
      docker.create(heldLease, spec, calm),
      docker.start(heldLease, ID, calm),
      docker.stop(heldLease, markOf(ID), 1, calm),
      docker.restartNode(heldLease, ID, 1, calm),
      docker.remove(heldLease, markOf(ID), calm),
    ]
    for (const error of await Promise.all(changes.map(failureOf))) {
      expect(error).toBeInstanceOf(UnknownOutcome)
    }
  })

  it('gives a stop its grace on top of the timeout', async () => {
    const docker = daemon.connect(hurried)
    const ends: string[] = []
    const noted = async (name: string, call: Promise<unknown>) => {
      await failureOf(call)
      ends.push(name)
    }
    await Promise.all([
      noted('stop', docker.stop(heldLease, markOf(ID), 20, calm)),
      noted('start', docker.start(heldLease, ID, calm)),
    ])
    expect(ends).toEqual(['start', 'stop'])
  })

  it('does not hold up other calls: reads that hang leave changes their sockets', async () => {
    const docker = daemon.connect()
    daemon.answer = (request, response) => {
      if (request.method === 'POST') json(response, 201, { Id: ID })
    }
    const giveUp = new AbortController()
    const hanging = Array.from({ length: 20 }, () => failureOf(docker.list(giveUp.signal)))
    expect(await docker.create(heldLease, spec, calm)).toBe(ID)
    giveUp.abort()
    await Promise.all(hanging)
  })
})

describe('a connection that breaks', () => {
  it('after the request was sent leaves a change unknown, and a read failed', async () => {
    const docker = daemon.connect()
    daemon.answer = (request) => void request.socket.destroy()
    const change = await failureOf(docker.create(heldLease, spec, calm))
    expect(change).toBeInstanceOf(UnknownOutcome)
    expect(change.message).not.toContain('secret')
    expect((await failureOf(docker.list(calm))).name).toBe('DockerError')
  })

  it('in the middle of an answer leaves a change unknown, and a read failed (I9)', async () => {
    const docker = daemon.connect(hurried)
    daemon.answer = (request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('[', () => request.socket.destroy())
    }
    expect((await failureOf(docker.list(calm))).name).toBe('DockerError')
    const change = failureOf(docker.create(heldLease, spec, calm))
    expect(await change).toBeInstanceOf(UnknownOutcome)
  })
})

describe('an answer that says no', () => {
  const refused = (status: number, message: string) => {
    daemon.answer = (_, response) => json(response, status, { message })
    return daemon.connect()
  }

  it('with a 500 is known to have changed nothing', async () => {
    const docker = refused(500, 'no space left on device')
    const error = await failureOf(docker.create(heldLease, spec, calm))
    expect(error).toMatchObject({ name: 'DockerError', status: 500 })
    expect(error.message).toContain('no space left on device')
    expect(await failureOf(docker.list(calm))).toMatchObject({ name: 'DockerError', status: 500 })
  })

  it('from a proxy that lost the daemon leaves the outcome unknown', async () => {
    const docker = refused(504, 'gateway timeout')
    const error = await failureOf(docker.create(heldLease, spec, calm))
    expect(error).toBeInstanceOf(UnknownOutcome)
  })

  it('to a second removal is success', async () => {
    const docker = refused(409, `removal of container ${ID} is already in progress`)
    await docker.remove(heldLease, markOf(ID), calm)
  })

  it('in HTML is still told', async () => {
    daemon.answer = (_, response) => {
      response.writeHead(403, { 'content-type': 'text/html' })
      response.end('<h1>403 Forbidden</h1>')
    }
    const error = await failureOf(daemon.connect().start(heldLease, ID, calm))
    expect(error).toMatchObject({ name: 'DockerError', status: 403 })
    expect(error.message).toContain('Forbidden')
  })
})

describe('an answer that makes no sense', () => {
  const answers = (status: number, body: string) => {
    daemon.answer = (_, response) => {
      response.writeHead(status)
      response.end(body)
    }
  }

  it.each([
    ['HTML', '<html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['an object', '{}'],
    ['an entry without id', JSON.stringify([ROW, { ...ROW, Id: undefined }])],
    ['an entry in an unknown state', JSON.stringify([{ ...ROW, State: 'quantum' }])],
  ])('fails a list: %s (I9)', async (_, body) => {
    answers(200, body)
    expect((await failureOf(daemon.connect().list(calm))).name).toBe('DockerError')
  })

  it('keeps the entry of a container that has lost its name', async () => {
    answers(200, JSON.stringify([ROW, { ...ROW, Id: 'b'.repeat(64), Names: null }]))
    const list = await daemon.connect().list(calm)
    expect(list.map(({ name }) => name)).toEqual(['home.0', ''])
    expect(list[0]).toMatchObject({ networkMode: 'bridge', labels: {}, createdAt: 1.7e12 })
  })

  it('fails an inspect', async () => {
    answers(200, JSON.stringify({ Id: ID, State: { Status: 'running' } }))
    expect((await failureOf(daemon.connect().inspect(ID, calm))).name).toBe('DockerError')
  })

  it('to a create leaves its outcome unknown: something was created', async () => {
    answers(201, 'OK')
    const error = await failureOf(daemon.connect().create(heldLease, spec, calm))
    expect(error).toBeInstanceOf(UnknownOutcome)
  })

  it('even of HTTP itself is an error of its class', async () => {
    const path = `${daemon.socket}.raw`
    const server = createServer(
      (socket) => void socket.on('error', () => {}).end('garbage\r\n\r\n'),
    )
    await new Promise<void>((resolve) => server.listen(path, resolve))
    using docker = connectDocker({
      clock: systemClock,
      env: { DOCKER_HOST: `unix://${path}` },
      home: '/',
    })
    expect((await failureOf(docker.list(calm))).name).toBe('DockerError')
    server.close()
  })
})

describe('a daemon that can not be reached', () => {
  it.each([
    ['no socket', (path: string) => `unix://${path}.missing`, 'no such socket'],
    ['a file instead of a socket', (path: string) => `unix://${path}.file`, 'nothing listens'],
    ['nothing listening', () => 'tcp://127.0.0.1:1', 'nothing listens'],
  ])('was sent nothing, and says how to mend it: %s', async (_, hostOf, hint) => {
    writeFileSync(`${daemon.socket}.file`, '')
    const DOCKER_HOST = hostOf(daemon.socket)
    using docker = connectDocker({ clock: systemClock, env: { DOCKER_HOST }, home: '/' })
    const calls = [docker.list(calm), docker.create(heldLease, spec, calm)]
    for (const error of await Promise.all(calls.map(failureOf))) {
      expect(error.name).toBe('DockerUnreachable')
      expect(error.message).toContain(hint)
      expect(error.message).toContain(DOCKER_HOST)
    }
  })
})

describe('the process’s own environment', () => {
  afterEach(() => void vi.unstubAllEnvs())

  it('is not asked where the daemon is', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1')
    vi.stubEnv('DOCKER_CLIENT_TIMEOUT', '1')
    daemon.answer = (_, response) => json(response, 200, [])
    expect(await daemon.connect().list(calm)).toEqual([])
  })

  it('where even dockerode can not use it is told as such', () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1')
    vi.stubEnv('DOCKER_CERT_PATH', '/nowhere')
    expect(() => daemon.connect()).toThrow('DOCKER_CERT_PATH can not be used')
  })
})

describe('a lease', () => {
  it('lost while the API version was agreed on lets no change out (I7)', async () => {
    const docker = daemon.connect()
    let isHeld = true
    const lease = {
      ...heldLease,
      assertHeld: () => {
        if (!isHeld) throw new LeaseLost('lost')
      },
    }
    const call = docker.create(lease, spec, calm)
    isHeld = false
    await expect(call).rejects.toBeInstanceOf(LeaseLost)
    expect(daemon.heard).toEqual([])
  })
})

describe('a create', () => {
  it('makes the controller the only restarter, and publishes only what was given', async () => {
    daemon.answer = (_, response) => json(response, 201, { Id: ID })
    const docker = daemon.connect()
    const publish = { address: '127.0.0.1', hostPort: 19_001, containerPort: 6878 }
    await docker.create(heldLease, spec, calm)
    await docker.create(
      heldLease,
      {
        ...spec,
        command: ['--port', '1'],
        publish: [{ ...publish, protocol: 'tcp' }],
        memoryBytes: 2 ** 30,
        cpus: 1.5,
      },
      calm,
    )
    const [bare, full] = daemon.heard.map(({ body }) => JSON.parse(body))
    const fixed = { RestartPolicy: { Name: 'no' }, AutoRemove: false, Init: true }
    expect(bare.HostConfig).toEqual({ ...fixed, NetworkMode: 'bridge' })
    expect(bare).not.toHaveProperty('ExposedPorts')
    expect(bare).not.toHaveProperty('Cmd')
    expect(full).toMatchObject({ Cmd: ['--port', '1'], ExposedPorts: { '6878/tcp': {} } })
    expect(full.HostConfig).toEqual({
      ...fixed,
      NetworkMode: 'bridge',
      Memory: 2 ** 30,
      NanoCpus: 1.5e9,
      PortBindings: { '6878/tcp': [{ HostIp: '127.0.0.1', HostPort: '19001' }] },
    })
    // Environments hold secrets, and proxies log URLs.
    expect(daemon.heard[0]?.line).toBe('POST /v1.41/containers/create?name=home.0')
  })
})

describe('the API version', () => {
  const listLine = async () => {
    daemon.answer = (_, response) => json(response, 200, [])
    await daemon.connect().list(calm)
    return daemon.heard.at(-1)?.line
  }

  it('is 1.41 where the daemon speaks it, however new it is', async () => {
    daemon.version = { Version: '28.0.0', ApiVersion: '1.50', MinAPIVersion: '1.24' }
    expect(await listLine()).toContain('/v1.41/')
  })

  it('is the oldest that a newer daemon speaks', async () => {
    daemon.version = { Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' }
    expect(await listLine()).toContain('/v1.44/')
  })

  it('refuses a daemon that is too old, saying so', async () => {
    daemon.version = { Version: '19.03.15', ApiVersion: '1.40', MinAPIVersion: '1.12' }
    const error = await failureOf(daemon.connect().list(calm))
    expect(error.message).toContain('install Docker 20.10 or newer')
    expect(daemon.heard).toEqual([])
  })

  it('is agreed on again when the daemon was replaced by a newer one', async () => {
    const docker = daemon.connect()
    daemon.answer = (request, response) =>
      request.url?.startsWith('/v1.41/')
        ? json(response, 400, { message: 'client version 1.41 is too old. Minimum is 1.44' })
        : json(response, 200, [])
    daemon.version = { Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.24' }
    await failureOf(docker.list(calm))
    daemon.version = { Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' }
    expect(await docker.list(calm)).toEqual([])
  })
})
