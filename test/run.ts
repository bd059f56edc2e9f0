import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { runCommand, setUp } from '../deploy/setup/main.ts'
import { counts, type VitestReport } from './count.ts'

/** `npm test`: set-up, every vitest project, then one line for machines. Arguments go to vitest. */
const reportFile = '.acefleet/test/report.json'

await runCommand(async () => {
  await setUp({ compose: true, redis: true, openssl: true, tcpdump: true, ffmpeg: true })
  mkdirSync('.acefleet/test', { recursive: true })
  rmSync(reportFile, { force: true })
  const options = ['--config=test/vitest.config.ts', '--reporter=default', '--reporter=json']
  const { status } = spawnSync(
    'vitest',
    ['run', ...options, `--outputFile.json=${reportFile}`, ...process.argv.slice(2)],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const { passed, failed } = counts(readReport(), status ?? 1)
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
})

function readReport(): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport
  } catch {
    return undefined
  }
}
