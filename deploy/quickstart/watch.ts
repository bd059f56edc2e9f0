import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineView, EventView } from '../../src/api/view.ts'
import { engineColumns } from '../../src/cli/columns.ts'
import { printTable, shownColumns } from '../../src/cli/table.ts'
import { followEvents, readPicture } from './client.ts'
import type { Crew } from './crew.ts'
import { demo } from './demo.ts'
import { type Guide, makeGuide } from './guide.ts'
import { isConverged, type Picture, progressLine, troubles } from './progress.ts'
import type { Screen } from './screen.ts'

/** How often acefleet is asked how far it is. */
const pollMs = 400

interface Watch {
  readonly crew: Crew
  readonly guide: Guide
  readonly screen: Screen
  readonly signal: AbortSignal
}

/** Shows events as they happen, what is awaited, and each time the fleet has converged its table. Ends with the crew or the signal. */
export async function watch(crew: Crew, screen: Screen, stop: AbortSignal): Promise<number> {
  const end = new AbortController()
  const signal = AbortSignal.any([stop, end.signal])
  let lastWords = ''
  void crew.ended.then((words) => {
    lastWords = words
    end.abort()
  })
  const all = { crew, guide: makeGuide(crew.urls), screen, signal }
  await Promise.all([showEvents(all), showProgress(all)])
  screen.status('')
  if (!stop.aborted) {
    screen.print(`✗ ${lastWords}`)
    return 1
  }
  screen.print(`▸ ${crew.farewell}`)
  screen.print('  npm run quickstart             takes them over again')
  screen.print('  npm run quickstart -- --ha     … with three replicas')
  screen.print('  npm run quickstart -- --down   removes them, the VPN nodes and the data')
  return 0
}

async function showEvents({ guide, screen, signal }: Watch): Promise<void> {
  for await (const event of followEvents(guide, Date.now(), signal)) {
    screen.print(eventLine(event))
  }
}

async function showProgress({ crew, guide, screen, signal }: Watch): Promise<void> {
  let shown: string | undefined
  let hasAnswered = false
  while (!signal.aborted) {
    const picture = await readPicture(guide.url(), crew.patienceMs)
    if (picture !== undefined) await crew.look(picture)
    else if (hasAnswered) guide.turn()
    hasAnswered ||= picture !== undefined
    if (picture !== undefined && isConverged(picture)) {
      screen.status(screen.isLive ? crew.brief(picture) : '')
      const next = convergedText(crew, picture)
      if (next.key !== shown) screen.print(next.text)
      if (shown === undefined) screen.print(invitation(guide.url(), crew, picture))
      shown = next.key
    } else {
      screen.status(picture ? progressLine(picture) : 'Waiting for acefleet to answer')
    }
    await sleep(pollMs, undefined, { signal }).catch(() => {})
  }
}

/** The table and what stands in the way; `key` changes when either does, the passing of time aside. */
function convergedText(
  crew: Crew,
  picture: Picture,
): { readonly key: string; readonly text: string } {
  const trouble = troubles(picture).map((each) => `! ${each}\n`)
  const notes = crew.notes(picture).map((each) => `${each}\n`)
  const containers = picture.engines.map(({ name, containerId }) => `${name} ${containerId}`)
  return {
    key: [...containers, ...trouble].join(),
    text: `\n${engineTable(picture.engines)}${[...notes, ...trouble].join('')}`,
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
function invitation(url: string, crew: Crew, picture: Picture): string {
  const { engines, fleets } = picture
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
    'To edit',
    `  ${demo.spec}: replicas, image, maxStreams, a node's cordon; it converges within seconds`,
    'To type, in another terminal here',
    `  ${npx} get engines -w`,
    `  ${npx} describe fleet ${fleets[0]?.name}`,
    ...crew.invitation(picture),
    'Ctrl-C ends acefleet and leaves the engines running. What happens to the fleet:',
  ].join('\n')
}
