import { NotFound } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import type { Clock } from '../time/clock.ts'

/** What a process notes of whether Docker answers it: a daemon that hangs fails nothing until a call's limit is over. */
export interface DockerAnswers {
  /** The same daemon, every look at which is noted. */
  readonly docker: Docker
  /** For how long Docker has owed an answer, or given errors only, ms; 0 while it owes none. */
  owedMs(): number
  /** How long ago Docker answered last, ms; null before it ever did. */
  agoMs(): number | null
  /** Asks this often until aborted, so that it is noticed also while there is nothing to look for. Never rejects. */
  ask(everyMs: number, signal: AbortSignal): Promise<void>
}

type Kind = 'look' | 'ping'

interface Question {
  readonly at: number
}

/** Notes how a daemon answers. Changes are not among it: they may rightly take long. */
export function watchAnswers(docker: Docker, clock: Clock): DockerAnswers {
  const open = new Set<Question>()
  /** Of each kind, when the first was asked of those that came to nothing since one was answered; monotonic ms. */
  const failing = new Map<Kind, number>()
  let answeredAt: number | undefined

  function answered(kind: Kind): void {
    answeredAt = clock.monotonic()
    failing.delete('ping')
    // A daemon may be well enough for a ping, and for nothing else.
    if (kind === 'look') failing.delete('look')
  }

  async function noted<Answer>(kind: Kind, asked: Promise<Answer>): Promise<Answer> {
    const question = { at: clock.monotonic() }
    open.add(question)
    try {
      const answer = await asked
      answered(kind)
      return answer
    } catch (error) {
      if (error instanceof NotFound) answered(kind)
      // Also what its asker gave up: nobody knows whether an answer would have come, so it is asked for anew.
      else if (!failing.has(kind)) failing.set(kind, question.at)
      throw error
    } finally {
      open.delete(question)
    }
  }

  const watched: Docker = {
    ...docker,
    list: (signal) => noted('look', docker.list(signal)),
    inspect: (id, signal) => noted('look', docker.inspect(id, signal)),
    ping: (signal) => noted('ping', docker.ping(signal)),
  }

  return {
    docker: watched,
    owedMs() {
      const since = Math.min(...failing.values(), ...[...open].map(({ at }) => at))
      return Number.isFinite(since) ? clock.monotonic() - since : 0
    },
    agoMs: () => (answeredAt === undefined ? null : clock.monotonic() - answeredAt),
    async ask(everyMs, signal) {
      while (!signal.aborted) {
        const asked = failing.has('look') ? watched.list(signal) : watched.ping(signal)
        await asked.catch(() => {})
        await clock.sleep(everyMs, signal).catch(() => {})
      }
    },
  }
}
