import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineView, EventView } from '../../src/api/view.ts'
import { engineColumns } from '../../src/cli/columns.ts'
import { printTable, shownColumns } from '../../src/cli/table.ts'
import { followEvents, readPicture } from './client.ts'
import { demo } from './demo.ts'
import { isConverged, type Picture, progressLine, troubles } from './progress.ts'
import type { Screen } from './screen.ts'
import type { Server } from './server.ts'

/** How often the server is asked how far it is. */
const pollMs = 500

/** Shows events as they happen, what is awaited, and each time the fleet has converged its table. Ends with the server or the signal. */
export async function watch(server: Server, screen: Screen, stop: AbortSignal): Promise<number> {
  const end = new AbortController()
  const signal = AbortSignal.any([stop, end.signal])
  const crashed = server.ended.then(() => {
    if (!signal.aborted) end.abort()
  })
  await Promise.all([showEvents(server, screen, signal), showProgress(server, screen, signal)])
  screen.status('')
  if (!stop.aborted) {
    await crashed
    screen.print(`✗ acefleet has ended. Its last words (${demo.logFile}):\n${server.lastWords()}`)
    return 1
  }
  screen.print('▸ Stopping acefleet; the engines go on running.')
  screen.print('  npm run quickstart             takes them over again')
  screen.print('  npm run quickstart -- --down   removes them, the VPN nodes and the data')
  return 0
}

async function showEvents(server: Server, screen: Screen, signal: AbortSignal): Promise<void> {
  for await (const event of followEvents(server.url, Date.now(), signal)) {
    screen.print(eventLine(event))
  }
}

async function showProgress(server: Server, screen: Screen, signal: AbortSignal): Promise<void> {
  let shown: string | undefined
  while (!signal.aborted) {
    const picture = await readPicture(server.url)
    if (picture !== undefined && isConverged(picture)) {
      screen.status('')
      const next = convergedText(picture)
      if (next.key !== shown) screen.print(next.text)
      if (shown === undefined) screen.print(invitation(server.url, picture))
      shown = next.key
    } else {
      screen.status(picture ? progressLine(picture) : 'Waiting for acefleet to answer')
    }
    await sleep(pollMs, undefined, { signal }).catch(() => {})
  }
}

/** The table and what stands in the way; `key` changes when either does, the passing of time aside. */
function convergedText(picture: Picture): { readonly key: string; readonly text: string } {
  const notes = troubles(picture).map((each) => `! ${each}\n`)
  const containers = picture.engines.map(({ name, containerId }) => `${name} ${containerId}`)
  return {
    key: [...containers, ...notes].join(),
    text: `\n${engineTable(picture.engines)}${notes.join('')}`,
  }
}

/** As `acefleet get engines` prints it. */
function engineTable(engines: readonly EngineView[]): string {
  return printTable(shownColumns(engineColumns(Date.now()), false), engines)
}

function eventLine({ at, reason, slot, vpn, message, type }: EventView): string {
  const time = new Date(at).toTimeString().slice(0, 8)
  const sign = type === 'Warning' ? '!' : ' '
  const text = message.trimEnd().replaceAll('\n', '\n             ')
  return `${time} ${sign} ${reason.padEnd(18)} ${(slot ?? vpn ?? '').padEnd(10)} ${text}`
}

/** What to try next. */
function invitation(url: string, { engines, fleets }: Picture): string {
  const isDefault = url.endsWith(`:${demo.firstPort}`)
  const npx = `${isDefault ? '' : `ACEFLEET_SERVER=${url} `}npx acefleet`
  const engine = engines.find(({ address, port }) => address !== null && port !== null)
  return [
    'To look at',
    `  ${url}/v1/fleets`,
    `  ${url}/v1/engines`,
    ...(engine === undefined
      ? []
      : [`  http://${engine.address}:${engine.port}/webui/api/service?method=get_version`]),
    'To type, in another terminal here',
    `  ${npx} get engines -w`,
    `  ${npx} describe fleet ${fleets[0]?.name}`,
    `  docker rm -f ${engine?.name}   and see it replaced`,
    'To edit',
    `  ${demo.spec}: replicas, image, maxStreams, a node's cordon; it converges within seconds`,
    'Ctrl-C ends acefleet and leaves the engines running. What happens to the fleet:',
  ].join('\n')
}
