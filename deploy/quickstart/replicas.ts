import type { Say } from '../setup/root.ts'
import { runWords, startAcefleet } from './acefleet.ts'
import type { Child, Ending } from './child.ts'
import { demo } from './demo.ts'
import { type Kept, keep } from './kept.ts'
import type { Replica } from './leading.ts'

/** A replica that has ended. */
export interface Fallen {
  /** `replica 1 (process 4711)`. */
  readonly who: string
  readonly pid: number
  readonly ending: Ending
  /** ms from start to end. */
  readonly livedMs: number
  /** Its last log lines, and where there are more. */
  readonly lastWords: string
}

export interface ReplicasOptions {
  readonly ports: readonly number[]
  readonly redisUrl: string
  readonly pauseMs: number
  readonly tell: Say
  readonly onFall: (fallen: Fallen) => void
  readonly onAgain: () => void
}

/** Replicas of acefleet that share one Redis; who ends is started again after a while. */
export interface Replicas {
  /** All of them, with their present or last processes. */
  all(): readonly Replica[]
  living(): readonly Replica[]
  stop(): Promise<void>
}

export function startReplicas(options: ReplicasOptions): Replicas {
  const seats = options.ports.map((port, index) => seat(port, index, options))
  const shown = ({ name, url, kept }: Seat): Replica => ({ name, url, pid: kept.pid() })
  return {
    all: () => seats.map(shown),
    living: () => seats.filter(({ kept }) => kept.isAlive()).map(shown),
    stop: async () => void (await Promise.all(seats.map(({ kept }) => kept.stop()))),
  }
}

interface Seat {
  readonly name: string
  readonly url: string
  readonly kept: Kept
}

function seat(port: number, index: number, options: ReplicasOptions): Seat {
  const { redisUrl, pauseMs, tell, onFall, onAgain } = options
  const name = `replica ${index + 1}`
  const words = runWords(port, ['--redis', redisUrl])
  const logFile = demo.replicaLogs[index] ?? demo.logFile
  let startedAt = 0
  const start = (say: Say): Child => {
    startedAt = performance.now()
    return startAcefleet(words, logFile, say)
  }
  const kept = keep({
    first: start(tell),
    startAgain: () => start(() => {}),
    pauseMs,
    onEnd: (child, ending) =>
      onFall({
        ...{ who: `${name} (process ${child.pid})`, pid: child.pid, ending },
        livedMs: ending.atMs - startedAt,
        lastWords: `Its last words (${logFile}):\n${child.lastWords()}`,
      }),
    onAgain(child) {
      onAgain()
      tell(`${name} runs again, as process ${child.pid}`)
    },
  })
  return { name, url: `http://127.0.0.1:${port}`, kept }
}
