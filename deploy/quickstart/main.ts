import { parseArgs } from 'node:util'
import { buildStandIns } from '../../test/standins/build.ts'
import { runCommand, say, setUp } from '../setup/main.ts'
import { SetupError } from '../setup/setup-error.ts'
import { takeDown } from './down.ts'
import { startGluetuns } from './gluetuns.ts'
import { endProcess, forgetRun, livingRun, writeRun } from './run-file.ts'
import { makeScreen } from './screen.ts'
import { startServer } from './server.ts'
import { watch } from './watch.ts'

const usage = `npm run quickstart             brings up the demo fleet of specs/demo.yaml and shows what happens to it
npm run quickstart -- --down   removes all that it made, and nothing else`

await runCommand(async () => {
  const { down, help } = readArguments()
  if (help) console.log(usage)
  else if (down) await takeDown(say)
  else return bringUp()
  return 0
})

function readArguments(): { readonly down: boolean; readonly help: boolean } {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values } = parseArgs({ options: { down: flag, help: { ...flag, short: 'h' } } })
    return values
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`)
  }
}

async function bringUp(): Promise<number> {
  const earlier = livingRun()
  if (earlier?.quickstart !== undefined) {
    throw new SetupError(
      `The quickstart is running already (process ${earlier.quickstart}), at ${earlier.url}. To see what it sees: ACEFLEET_SERVER=${earlier.url} npx acefleet get engines -w`,
    )
  }
  const docker = await setUp()
  const images = await buildStandIns({
    docker,
    onProgress: (line) => line.endsWith('is there') || say(line),
  })
  await startGluetuns(docker, images.gluetun, say)
  if (earlier?.server !== undefined) {
    say(`Ending the acefleet that an earlier quickstart left behind (process ${earlier.server})`)
    await endProcess(earlier.server)
  }
  const stop = interruption()
  const server = await startServer(say)
  writeRun({ quickstart: process.pid, server: server.pid, url: server.url })
  try {
    return await watch(server, makeScreen(process.stdout), stop)
  } finally {
    await server.stop()
    forgetRun()
  }
}

/** Aborted by the first signal, or when nobody reads what is printed any more. */
function interruption(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort())
  }
  process.stdout.on('error', () => stop.abort())
  return stop.signal
}
