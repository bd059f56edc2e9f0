import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { makeRandom } from '../sim/random.ts'
import { buildStandIns } from '../standins/build.ts'
import { whenConverged } from './converged.ts'
import { type Block, type DrawnRound, drawBlocks } from './draw.ts'
import { keepEvidence } from './evidence.ts'
import { type Grounds, layGrounds } from './grounds.ts'
import type { ChaosOptions } from './options.ts'
import { HEAD, rowOf } from './report.ts'
import { BOUND_MS, playRound, type RoundReport, violationsOf } from './round.ts'
import { type Stage, setStage } from './stage.ts'

export interface ChaosRun {
  readonly docker: Docker
  readonly options: ChaosOptions
  readonly say: (line: string) => void
  /** Aborted by Ctrl-C: what was made is removed. */
  readonly signal: AbortSignal
}

/** Where logs are while they are needed, and evidence when there is some. */
const DIR = join('.acefleet', 'chaos')

interface Played {
  readonly reports: readonly RoundReport[]
  /** Rounds that need a stage in better order than this one was left in. */
  readonly left: readonly DrawnRound[]
}

async function firstConverged(stage: Stage): Promise<void> {
  const { trouble } = await whenConverged(stage, BOUND_MS)
  if (trouble !== undefined) throw new Error(`the fleet never came about: ${trouble}`)
}

async function playBlock(
  run: ChaosRun,
  stage: Stage,
  rounds: readonly DrawnRound[],
  evidence: string,
): Promise<Played> {
  const reports: RoundReport[] = []
  await firstConverged(stage)
  const known = new Set<string>()
  for (const [i, round] of rounds.entries()) {
    run.signal.throwIfAborted()
    const report = await playRound(stage, round, { scale: run.options.scale, known })
    reports.push(report)
    run.say(rowOf(report))
    for (const { invariant, at, message } of report.violations) {
      known.add(message)
      run.say(`      ${invariant} ${new Date(at).toISOString()} ${message}`)
    }
    if (report.violations.length > 0) {
      const dir = join(evidence, `round-${report.number}`)
      await keepEvidence(stage, dir, report.violations)
      run.say(`      evidence: ${dir}`)
    }
    if (report.convergedMs === undefined) return { reports, left: rounds.slice(i + 1) }
  }
  return { reports, left: [] }
}

/** Plays every round that the seed draws, one stage after the other. */
export async function runChaos(run: ChaosRun): Promise<readonly RoundReport[]> {
  const { options, docker, signal } = run
  const images = await buildStandIns({ docker })
  const runDir = join(DIR, `seed-${options.seed}-${process.pid}`)
  await using grounds = await layGrounds(docker, images)
  const reports: RoundReport[] = []
  let stages = 0
  run.say(HEAD)
  const play = async (block: Block): Promise<void> => {
    stages += 1
    signal.throwIfAborted()
    const stageDir = join(runDir, `stage-${stages}`)
    await mkdir(stageDir, { recursive: true })
    const played = await playOn(run, grounds, { ...block, stageDir, number: stages, runDir })
    reports.push(...played.reports)
    await rm(stageDir, { recursive: true, force: true })
    if (played.left.length > 0) await play({ ...block, rounds: played.left })
  }
  for (const block of drawBlocks(options.faults, options.rounds, options.seed)) await play(block)
  if (reports.every(({ violations }) => violations.length === 0))
    await rm(runDir, { recursive: true, force: true })
  return reports
}

async function playOn(
  run: ChaosRun,
  grounds: Grounds,
  block: Block & { readonly stageDir: string; readonly runDir: string; readonly number: number },
): Promise<Played> {
  const { leaseServers, timing, number, stageDir: dir } = block
  const random = makeRandom(run.options.seed).fork(`stage ${number}`)
  await using stage = await setStage({
    ...{ grounds, dir, number, leaseServers, timing, random, bug: run.options.bug },
  })
  try {
    return await playBlock(run, stage, block.rounds, block.runDir)
  } catch (error) {
    const evidence = join(block.runDir, `stage-${number}-broken`)
    await keepEvidence(stage, evidence, await violationsOf(stage).catch(() => []))
    run.say(`what was seen so far: ${evidence}`)
    throw error
  }
}
