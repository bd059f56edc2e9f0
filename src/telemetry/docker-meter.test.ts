import { describe, expect, it } from 'vitest'
import { DockerError, NameTaken, UnknownOutcome } from '../docker/errors.ts'
import type { ContainerId, ContainerSpec, Docker } from '../docker/port.ts'
import { type Lease, LeaseLost } from '../lease/lease.ts'
import { type DockerCall, meterDocker } from './docker-meter.ts'

const lease = {} as Lease
const spec = { name: 'home.0' } as ContainerSpec
const { signal } = new AbortController()

function makeBench(create: Docker['create']) {
  const calls: DockerCall[] = []
  const list: Docker['list'] = async () => []
  const docker = meterDocker({ create, list } as Docker, (call) => calls.push(call))
  return { docker, calls, list }
}

describe('metering the daemon', () => {
  it.each([
    [new LeaseLost('lost'), 'refused'],
    [new NameTaken('taken'), 'nameTaken'],
    [new UnknownOutcome('timed out'), 'unknown'],
    [new DockerError('no space left'), 'failed'],
  ])('passes %s on, and tells it as %s', async (error, outcome) => {
    const { docker, calls } = makeBench(() => Promise.reject(error))
    await expect(docker.create(lease, spec, signal)).rejects.toBe(error)
    expect(calls).toEqual([{ verb: 'create', outcome }])
  })

  it('hands a call on in the tick in which it comes, as it is, and its answer back (I7)', async () => {
    const id = 'a'.repeat(64) as ContainerId
    const handed: unknown[] = []
    const { docker, calls } = makeBench(async (...call) => {
      handed.push(call)
      return id
    })
    const answer = docker.create(lease, spec, signal)
    expect(handed).toEqual([[lease, spec, signal]])
    expect(calls).toEqual([])
    expect(await answer).toBe(id)
    expect(calls).toEqual([{ verb: 'create', outcome: 'ok' }])
  })

  it('leaves reading alone', () => {
    const { docker, list } = makeBench(() => Promise.reject(new Error('not asked')))
    expect(docker.list).toBe(list)
  })
})
