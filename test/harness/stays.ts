import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'

/** A container at an address of its own on a network, for as long as it was connected. */
export interface Stay {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  /** Empty where it left before anybody could ask. */
  readonly address: string
  /** By Docker's inspect, Unix ms. */
  readonly startedAt: number
  /** From the daemon's word that it is being connected until its word that its address is given back, Unix ms. */
  readonly from: number
  readonly to: number
}

/** Records who had which address when, by the daemon's own events. Those who live there already are not known. */
export interface Stays extends AsyncDisposable {
  /** `to` is infinite for those who are still there. */
  list(): readonly Stay[]
  /** Waits until the daemon has told of all that has happened so far. */
  caughtUp(): Promise<void>
}

interface Told {
  readonly Action: 'connect' | 'disconnect'
  readonly timeNano: number
  readonly Actor: { readonly Attributes: { readonly container?: string } }
}

type Person = Omit<Stay, 'from' | 'to'>

export async function recordStays(docker: Docker): Promise<Stays> {
  const stays: { person: Promise<Person | undefined>; id: string; from: number; to: number }[] = []
  let known: readonly Stay[] = []
  let rest = ''
  let failure: unknown

  const stream = (await docker.getEvents({
    filters: { type: ['network'], event: ['connect', 'disconnect'] },
  })) as unknown as Readable
  stream.on('error', (error) => {
    failure = error
  })
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') take(JSON.parse(line) as Told)
  })

  function take({ Action, timeNano, Actor }: Told): void {
    const id = Actor.Attributes.container ?? ''
    const at = timeNano / 1e6
    if (Action === 'connect')
      stays.push({ id, from: at, to: Number.POSITIVE_INFINITY, person: personOf(docker, id) })
    else for (const stay of stays) if (stay.id === id) stay.to = Math.min(stay.to, at)
  }

  return {
    list: () => known,
    async caughtUp() {
      // The daemon tells in order but not at once; a network event of our own would cost more than this.
      await sleep(500)
      const asked = await Promise.all(
        stays.map(async ({ person, from, to }) => ({ person: await person, from, to })),
      )
      known = asked.flatMap(({ person, from, to }) =>
        person === undefined ? [] : [{ ...person, from, to }],
      )
      if (failure !== undefined) throw failure
    },
    async [Symbol.asyncDispose]() {
      stream.on('error', () => {})
      stream.destroy()
      await Promise.allSettled(stays.map(({ person }) => person))
    },
  }
}

/** The daemon answers when the start is over; a container that is gone by then is nobody. */
async function personOf(docker: Docker, id: string): Promise<Person | undefined> {
  const detail = await docker
    .getContainer(id)
    .inspect()
    .catch(() => undefined)
  if (detail === undefined) return undefined
  const networks = Object.values(detail.NetworkSettings.Networks)
  return {
    id,
    name: detail.Name.slice(1),
    image: detail.Config.Image,
    labels: detail.Config.Labels,
    address: networks.find(({ IPAddress }) => IPAddress)?.IPAddress ?? '',
    startedAt: Date.parse(detail.State.StartedAt),
  }
}
