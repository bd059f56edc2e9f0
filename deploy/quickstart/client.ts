import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineView, EventView, FleetView } from '../../src/api/view.ts'
import type { Guide } from './guide.ts'
import type { Picture } from './progress.ts'

/** Longer than the server's own heartbeat, so that only a dead connection is given up. */
const silenceMs = 40_000

/** What the server says now; undefined while it does not answer. */
export async function readPicture(url: string, timeoutMs = 5_000): Promise<Picture | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const [fleets, engines] = await Promise.all([
      items<FleetView>(`${url}/v1/fleets`, signal),
      items<EngineView>(`${url}/v1/engines`, signal),
    ])
    return { fleets, engines }
  } catch {
    return undefined
  }
}

/**
 * Events since `sinceMs` as they happen, for ever: reconnects, to another server where the guide says so, and goes on
 * behind the last one seen. Numbers grow also when the store has lost its memory.
 */
export async function* followEvents(
  guide: Guide,
  sinceMs: number,
  signal: AbortSignal,
): AsyncGenerator<EventView> {
  let last = 0
  while (!signal.aborted) {
    try {
      const until = AbortSignal.any([signal, guide.turned()])
      for await (const event of oneStream(guide.url(), last, until)) {
        last = event.sequence
        if (Date.parse(event.at) >= sinceMs) yield event
      }
    } catch {
      // The server is starting, stopping or gone; whoever called knows which.
    }
    await sleep(500, undefined, { signal }).catch(() => {})
  }
}

async function* oneStream(url: string, after: number, signal: AbortSignal) {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const response = await fetch(`${url}/v1/events`, {
      headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
    let rest = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh()
      const frames = (rest + chunk).split('\n\n')
      rest = frames.pop() ?? ''
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1]
        if (data !== undefined) yield JSON.parse(data) as EventView
      }
    }
  } finally {
    clearTimeout(timer)
  }
}

async function items<Item>(url: string, signal: AbortSignal): Promise<readonly Item[]> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`)
  return ((await response.json()) as { items: readonly Item[] }).items
}
