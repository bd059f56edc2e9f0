import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Violation } from './judge/facts.ts'
import type { Stage } from './stage.ts'

/** Keeps all that was seen and said, for whoever looks into it: facts, the daemon's story, and the replicas' logs. */
export async function keepEvidence(
  stage: Stage,
  dir: string,
  violations: readonly Violation[],
): Promise<void> {
  await mkdir(dir, { recursive: true })
  const write = (name: string, lines: readonly unknown[]) =>
    writeFile(join(dir, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  await write('violations.jsonl', violations)
  await write('docker-events.jsonl', stage.facts.engines)
  const { engines: _, ...others } = stage.facts
  await writeFile(join(dir, 'facts.json'), JSON.stringify(others, undefined, 1))
  for (const { logFile } of stage.replicas)
    await copyFile(logFile, join(dir, basename(logFile))).catch(() => {})
}
