import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { demo } from './demo.ts'

export type Mode = 'plain' | 'ha'

/** Who runs: the quickstart, and what it started. */
export interface Run {
  readonly quickstart: number
  readonly mode: Mode
  /** acefleet and Redis. */
  readonly children: readonly number[]
  /** Where acefleet answers; empty until it was started. */
  readonly url: string
}

/** What is alive of a run. */
export interface LivingRun extends Omit<Run, 'quickstart'> {
  readonly quickstart: number | undefined
}

export function writeRun(run: Omit<Run, 'quickstart'>): void {
  mkdirSync(dirname(demo.runFile), { recursive: true })
  writeFileSync(demo.runFile, JSON.stringify({ quickstart: process.pid, ...run }))
}

export function forgetRun(): void {
  rmSync(demo.runFile, { force: true })
}

/** What is alive of the latest run. A number that the system has given to another program since counts as dead. */
export function livingRun(): LivingRun | undefined {
  try {
    const run = JSON.parse(readFileSync(demo.runFile, 'utf8')) as Run
    const isQuickstart = commandOf(run.quickstart).includes('deploy/quickstart')
    return {
      ...run,
      quickstart: isQuickstart ? run.quickstart : undefined,
      children: run.children.filter((pid) => isChild(commandOf(pid))),
    }
  } catch {
    return undefined
  }
}

/** Whether a command line, its words parted by NUL, is of something that the quickstart starts. */
function isChild(command: string): boolean {
  const isAcefleet = command.includes(`\0--instance\0${demo.instance}\0`)
  return isAcefleet || command.includes(demo.redisDir)
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
