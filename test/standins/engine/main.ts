import { setTimeout as sleep } from 'node:timers/promises'
import { startChatter } from './chatter.ts'
import { listenMute, listenP2p } from './listen.ts'
import { type EngineSettings, readSettings } from './settings.ts'
import { startStandIn } from './stand-in.ts'

/** Ends the process as an engine that crashes: some lines in the log, then the code. */
function exit(code: number, afterMs: number): void {
  setTimeout(() => {
    console.error('Traceback (most recent call last):')
    console.error('  File "stand-in", line 1, in main')
    console.error(`EngineError: the stand-in was told to exit with code ${code}`)
    process.exit(code)
  }, afterMs)
}

async function start(settings: EngineSettings): Promise<void> {
  const { ports, version, exitCode } = settings
  console.log(`engine stand-in ${version} starts`)
  startChatter(process.env.STANDIN_CHATTER, ports.http)
  if (exitCode !== undefined) exit(exitCode, settings.exitAfterMs)
  if (exitCode !== undefined && settings.exitAfterMs === 0) return
  if (settings.startDelayMs > 0) await sleep(settings.startDelayMs)

  const counters = { p2pConnections: 0, p2pDatagrams: 0 }
  const host = settings.isBoundToAll ? '0.0.0.0' : '127.0.0.1'
  await startStandIn(settings, { exit, counters, log: (line) => console.log(line) })
  if (ports.https !== null) await listenMute('HTTPS', ports.https, host)
  await listenMute('API', ports.api, host)
  await listenP2p(ports.p2p, counters)
  console.log(`listening on ${host}: ${JSON.stringify(ports)}`)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
start(readSettingsOrExit()).catch(fail)

function readSettingsOrExit(): EngineSettings {
  try {
    return readSettings(process.env, process.argv.slice(2))
  } catch (error) {
    return fail(error)
  }
}

function fail(error: unknown): never {
  console.error(`fatal: ${(error as Error).message}`)
  process.exit(1)
}
