import { readSettings } from './settings.ts'
import { startStandIn } from './stand-in.ts'

function fail(message: string): never {
  console.error(`ERROR ${message}`)
  process.exit(1)
}

async function start(): Promise<void> {
  const settings = readSettings(process.env)
  const { tunnel, controlPort } = await startStandIn(settings, {
    exit: fail,
    log: (line) => console.log(line),
  })
  const { release } = tunnel.state()
  console.log(`INFO gluetun stand-in ${release}, control server on port ${controlPort}`)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
start().catch((error: unknown) => fail((error as Error).message))
