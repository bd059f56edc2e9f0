import { parseArgs } from 'node:util'
import { buildStandIns } from '../../test/standins/build.ts'
import { runCommand, say, setUp } from '../setup/main.ts'
import { SetupError } from '../setup/setup-error.ts'
import type { Crew } from './crew.ts'
import { takeDown } from './down.ts'
import { startGluetuns } from './gluetuns.ts'
import { startHa } from './ha.ts'
import { startPlain } from './plain.ts'
import {
  endProcess,
  forgetRun,
  type LivingRun,
  livingRun,
  type Mode,
  writeRun,
} from './run-file.ts'
import { makeScreen } from './screen.ts'
import { watch } from './watch.ts'

const usage = `npm run quickstart             brings up the demo fleet of specs/demo.yaml and shows what happens to it
npm run quickstart -- --ha     the same under three replicas of acefleet, with a Redis of its own
npm run quickstart -- --down   removes all that either made, and nothing else`

await runCommand(async () => {
  const { down, ha, help } = readArguments()
  if (help) console.log(usage)
  else if (down) await takeDown(say)
  else return bringUp(ha ? 'ha' : 'plain')
  return 0
})

function readArguments() {
  const flag = { type: 'boolean', default: false } as const
  try {
    const options = { down: flag, ha: flag, help: { ...flag, short: 'h' } } as const
    const { values } = parseArgs({ options })
    if (values.down && values.ha) throw new Error('--down takes down either: leave --ha out')
    return values
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`)
  }
}

async function bringUp(mode: Mode): Promise<number> {
  const earlier = livingRun()
  refuseSecond(earlier, mode)
  // From now on another quickstart knows of this one, and who comes after it of what the last one left behind.
  const leftovers = earlier?.children ?? []
  writeRun({ mode, url: '', children: leftovers })
  const docker = await setUp({ redis: mode === 'ha' })
  const images = await buildStandIns({
    docker,
    onProgress: (line) => line.endsWith('is there') || say(line),
  })
  await startGluetuns(docker, images.gluetun, say)
  for (const pid of leftovers) {
    say(`Ending what an earlier quickstart left behind (process ${pid})`)
    await endProcess(pid)
  }
  const stop = interruption()
  const screen = makeScreen(process.stdout)
  const tell = (line: string) => screen.print(`▸ ${line}`)
  const crew: Crew =
    mode === 'ha' ? await startHa({ docker, tell, onPids: () => record() }) : await startPlain(tell)
  const record = () => writeRun({ mode, url: crew.urls()[0] ?? '', children: crew.pids() })
  record()
  try {
    return await watch(crew, screen, stop)
  } finally {
    await crew.stop()
    forgetRun()
  }
}

/** Either mode looks after the same fleet. */
function refuseSecond(earlier: LivingRun | undefined, mode: Mode): void {
  if (earlier?.quickstart === undefined) return
  const where = earlier.url === '' ? 'is starting' : `runs at ${earlier.url}`
  const name = earlier.mode === 'ha' ? 'The quickstart with --ha' : 'The quickstart'
  throw new SetupError(
    earlier.mode === mode
      ? `${name} ${where} already (process ${earlier.quickstart}). To see what it sees: ACEFLEET_SERVER=${earlier.url} npx acefleet get engines -w`
      : `${name} ${where} (process ${earlier.quickstart}), and looks after the same fleet. End it with Ctrl-C first: the engines run on, and are taken over.`,
  )
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
