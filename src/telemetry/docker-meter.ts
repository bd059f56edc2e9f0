import { NameTaken, UnknownOutcome } from '../docker/errors.ts'
import type { Docker, DockerWriter } from '../docker/port.ts'
import { LeaseLost } from '../lease/lease.ts'

/** How a change of the daemon ended. `refused`: by us, for want of a lease; nothing was sent. */
export type CallOutcome = 'ok' | 'failed' | 'nameTaken' | 'unknown' | 'refused'

/** One attempt to change the daemon. */
export interface DockerCall {
  readonly verb: keyof DockerWriter
  readonly outcome: CallOutcome
}

function outcomeOf(error: unknown): CallOutcome {
  if (error instanceof LeaseLost) return 'refused'
  if (error instanceof UnknownOutcome) return 'unknown'
  return error instanceof NameTaken ? 'nameTaken' : 'failed'
}

/** The same daemon, with every change of it told of when it has ended. Calls are handed on in the tick in which they come. */
export function meterDocker(docker: Docker, onCall: (call: DockerCall) => void): Docker {
  async function told<Answer>(verb: DockerCall['verb'], answer: Promise<Answer>): Promise<Answer> {
    try {
      const value = await answer
      onCall({ verb, outcome: 'ok' })
      return value
    } catch (error) {
      onCall({ verb, outcome: outcomeOf(error) })
      throw error
    }
  }
  return {
    ...docker,
    create: (...call) => told('create', docker.create(...call)),
    start: (...call) => told('start', docker.start(...call)),
    stop: (...call) => told('stop', docker.stop(...call)),
    restartNode: (...call) => told('restartNode', docker.restartNode(...call)),
    remove: (...call) => told('remove', docker.remove(...call)),
    pull: (...call) => told('pull', docker.pull(...call)),
  }
}
