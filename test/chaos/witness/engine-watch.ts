import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { EngineFact } from '../judge/facts.ts'

const ACTIONS: readonly EngineFact['action'][] = [
  'create',
  'start',
  'kill',
  'stop',
  'die',
  'destroy',
]

interface Told {
  readonly Action: EngineFact['action']
  readonly timeNano: number
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

/** Hears all that the daemon tells of a fleet's containers. */
export async function watchEngines(
  docker: Docker,
  instance: string,
  hear: (fact: EngineFact) => void,
): Promise<Disposable> {
  const stream = (await docker.getEvents({
    filters: { type: ['container'], event: [...ACTIONS], label: [`acefleet.instance=${instance}`] },
  })) as unknown as Readable
  let rest = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.trim() === '') continue
      const { Action: action, timeNano, Actor } = JSON.parse(line) as Told
      const { ID: id, Attributes: labels } = Actor
      hear({ action, id, name: labels.name ?? id, labels, at: timeNano / 1e6 })
    }
  })
  stream.on('error', () => {})
  return { [Symbol.dispose]: () => void stream.destroy() }
}
