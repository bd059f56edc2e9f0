import { interruption } from '../../deploy/setup/interruption.ts'
import { runCommand, say, setUp } from '../../deploy/setup/main.ts'
import { BUGS } from './bugs/list.ts'
import { readOptions, USAGE } from './options.ts'
import { figuresOf } from './report.ts'
import { runChaos } from './run.ts'

function optionsOrUsage() {
  try {
    return readOptions(process.argv.slice(2), Object.keys(BUGS))
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    return undefined
  }
}

/** `npm run chaos`: a table for people, then one JSON line. Exits with 1 when anything was wrong. */
await runCommand(async () => {
  const options = optionsOrUsage()
  if (options === undefined) return 1
  // The reaper of testcontainers comes from a registry, and none is needed: what is made is removed.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  const docker = await setUp()
  say(`${options.rounds} rounds, seed ${options.seed}${options.bug ? `, bug ${options.bug}` : ''}`)
  const signal = interruption()
  const reports = await runChaos({ docker, options, say: (line) => console.log(line), signal })
  const figures = figuresOf(reports)
  console.log(JSON.stringify(figures))
  return figures.violations === 0 ? 0 : 1
})
