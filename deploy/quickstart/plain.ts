import type { Say } from '../setup/root.ts'
import { runWords, startAcefleet } from './acefleet.ts'
import type { Crew } from './crew.ts'
import { demo } from './demo.ts'
import { freePorts } from './port.ts'

/** One acefleet, on the embedded store. */
export async function startPlain(say: Say): Promise<Crew> {
  const [port = demo.firstPort] = await freePorts(demo.firstPort, 1)
  if (port !== demo.firstPort) say(`Port ${demo.firstPort} is taken: acefleet listens on ${port}`)
  const child = startAcefleet(runWords(port, ['--data', demo.dataDir]), demo.logFile, say)
  const url = `http://127.0.0.1:${port}`
  return {
    urls: () => [url],
    patienceMs: 5_000,
    ended: child.ended.then(
      () => `acefleet has ended. Its last words (${demo.logFile}):\n${child.lastWords()}`,
    ),
    look: async () => {},
    brief: () => '',
    notes: () => [],
    invitation: ({ engines }) => [
      `  docker rm -f ${engines[0]?.name}   and see it replaced`,
      '  npm run quickstart -- --ha   after Ctrl-C here: the same engines under three replicas',
    ],
    farewell: 'Stopping acefleet; the engines go on running.',
    pids: () => (child.hasEnded() ? [] : [child.pid]),
    stop: () => child.stop(),
  }
}
