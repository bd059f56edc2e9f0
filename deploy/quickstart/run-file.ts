import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { demo } from './demo.ts'

/** Who runs: the quickstart, and the acefleet that it started. */
export interface Run {
  readonly quickstart: number
  readonly server: number
  readonly url: string
}

export function writeRun(run: Run): void {
  writeFileSync(demo.runFile, JSON.stringify(run))
}

export function forgetRun(): void {
  rmSync(demo.runFile, { force: true })
}

/** What is alive of the latest run. A number that the system has given to another program since counts as dead. */
export function livingRun(): { quickstart?: number; server?: number; url: string } | undefined {
  try {
    const run = JSON.parse(readFileSync(demo.runFile, 'utf8')) as Run
    return {
      url: run.url,
      ...(commandOf(run.quickstart).includes('deploy/quickstart') && {
        quickstart: run.quickstart,
      }),
      ...(commandOf(run.server).includes(demo.dataDir) && { server: run.server }),
    }
  } catch {
    return undefined
  }
}

/** Asks a process to end and waits for it; after the grace it is killed. */
export async function endProcess(pid: number, graceMs = 20_000): Promise<void> {
  const deadline = Date.now() + graceMs
  signal(pid, 'SIGTERM')
  while (commandOf(pid) !== '') {
    if (Date.now() > deadline) return signal(pid, 'SIGKILL')
    await sleep(100)
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

/** A process's command line; empty when it is gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
