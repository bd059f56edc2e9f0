import { describe, expect, it } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError, NotFound } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import { watchAnswers } from './docker-answers.ts'

const calm = new AbortController().signal

/** A daemon of which every verb does as it is told. */
function bench() {
  const clock = makeVirtualClock()
  const asked: string[] = []
  const does = {
    list: async (): Promise<readonly never[]> => [],
    ping: async () => {},
    inspect: async (): Promise<never> => {
      throw new NotFound('no such container')
    },
  }
  const docker: Partial<Docker> = {
    async list() {
      asked.push('list')
      return await does.list()
    },
    async ping() {
      asked.push('ping')
      await does.ping()
    },
    inspect: () => does.inspect(),
  }
  const hang = () => new Promise<never>(() => {})
  const fail = () => Promise.reject(new DockerError('it is broken'))
  return { clock, does, asked, hang, fail, answers: watchAnswers(docker as Docker, clock) }
}

describe('a daemon that is looked at', () => {
  it('owes nothing once it has answered, be it that there is no such container', async () => {
    const { clock, answers } = bench()
    expect([answers.owedMs(), answers.agoMs()]).toEqual([0, null])
    await answers.docker.list(calm)
    await clock.advance(700)
    expect([answers.owedMs(), answers.agoMs()]).toEqual([0, 700])
    await expect(answers.docker.inspect('gone', calm)).rejects.toThrow('no such container')
    expect([answers.owedMs(), answers.agoMs()]).toEqual([0, 0])
  })

  it('owes an answer from the moment of the question, whatever else it answers', async () => {
    const { clock, answers, does, hang } = bench()
    does.inspect = hang
    void answers.docker.inspect('a', calm)
    await clock.advance(2_000)
    await answers.docker.list(calm)
    await clock.advance(1_000)
    expect([answers.owedMs(), answers.agoMs()]).toEqual([3_000, 1_000])
  })

  it('owes from the first of several that failed, until a look succeeds: a ping is not enough', async () => {
    const { clock, answers, does, fail } = bench()
    does.list = fail
    for (const _ of [1, 2]) {
      await answers.docker.list(calm).catch(() => {})
      await clock.advance(1_000)
    }
    await answers.docker.ping(calm)
    expect(answers.owedMs()).toBe(2_000)
    does.list = async () => []
    await answers.docker.list(calm)
    expect(answers.owedMs()).toBe(0)
  })
})

describe('a daemon that is asked now and then', () => {
  it('is found to hang while there is nothing to look for', async () => {
    const { clock, answers, does, hang } = bench()
    const quit = new AbortController()
    const asking = answers.ask(1_500, quit.signal)
    await clock.advance(10_000)
    expect(answers.owedMs()).toBe(0)
    does.ping = hang
    await clock.advance(10_000)
    expect(answers.owedMs()).toBeGreaterThanOrEqual(8_500)
    quit.abort()
    void asking
  })

  it('is asked for a list while a look is what failed last, and for a mere ping otherwise', async () => {
    const { clock, answers, does, fail, asked } = bench()
    const quit = new AbortController()
    does.list = fail
    await answers.docker.list(calm).catch(() => {})
    const asking = answers.ask(1_500, quit.signal)
    await clock.advance(3_500)
    does.list = async () => []
    await clock.advance(3_000)
    expect(asked).toEqual(['list', 'list', 'list', 'list', 'list', 'ping'])
    expect(answers.owedMs()).toBe(0)
    quit.abort()
    await asking
  })
})
