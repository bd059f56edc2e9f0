import type { Readable } from 'node:stream'
import type Docker from 'dockerode'

/** What the daemon itself told of one container. */
export interface DaemonEvent {
  readonly action: string
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Unix ms by the daemon's own clock, which is this machine's. */
  readonly at: number
}

interface Told {
  readonly Action: string
  readonly timeNano: number
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

/** Listens to the daemon until disposed. */
export async function listenToDaemon(
  docker: Docker,
  hear: (event: DaemonEvent) => void,
): Promise<Disposable> {
  const stream = (await docker.getEvents({
    filters: { type: ['container'], event: ['create', 'start', 'die', 'destroy'] },
  })) as unknown as Readable
  let rest = ''
  // It ends by being destroyed; a figure that misses its events is noticed where they are counted.
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.trim() === '') continue
      const { Action: action, timeNano, Actor } = JSON.parse(line) as Told
      const { ID: id, Attributes: labels } = Actor
      hear({ action, id, name: labels.name ?? '', labels, at: timeNano / 1e6 })
    }
  })
  return { [Symbol.dispose]: () => stream.destroy() }
}
