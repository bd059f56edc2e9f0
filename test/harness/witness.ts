import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'

/** One container of the fleet as the daemon itself has told of it. */
interface Known {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  alive: boolean
}

/** What a witness saw that must never be. */
export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I10' | 'I11'
  readonly at: string
  readonly message: string
}

/** One thing that the daemon said of a container of the fleet. */
export interface Happening {
  readonly action: string
  readonly name: string
  readonly id: string
  /** Unix ms. */
  readonly at: number
}

/** An engine as it ran when the daemon told of something. */
export interface Sighting {
  readonly name: string
  readonly id: string
  readonly networkMode: string
  /** By Docker's inspect, Unix ms. */
  readonly startedAt: number
}

interface Told {
  readonly Action: string
  readonly timeNano: number
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

/** A name, or a part of an id, may mean another container tomorrow. */
const FULL = /^container:[0-9a-f]{64}$/

export interface WitnessOptions {
  readonly instance: string
  readonly fleet: string
  /** One forwarded engine in all, or one per VPN node. */
  readonly scope: 'fleet' | 'vpn'
  /** Whether every engine must sit in the namespace of a VPN node. */
  readonly isTunnelled: boolean
}

/**
 * Records the daemon's own live event stream and inspects every engine at every event. It knows nothing of the
 * controller: it reads labels and namespaces, and judges I1, I2, I10 and I11 by them.
 */
export interface Witness extends AsyncDisposable {
  readonly violations: readonly Violation[]
  /** Every event of the fleet's containers, oldest first, as `action name`. */
  readonly events: readonly string[]
  /** The same, with times and ids. */
  readonly history: readonly Happening[]
  /** Every look at a running engine: each, at every event of engines and VPN nodes, while all must sit behind a VPN. */
  readonly sightings: readonly Sighting[]
  /** Waits until the daemon has told of all that has happened so far. */
  caughtUp(): Promise<void>
}

export async function startWitness(docker: Docker, options: WitnessOptions): Promise<Witness> {
  const { instance, fleet } = options
  const known = new Map<string, Known>()
  const violations: Violation[] = []
  const events: string[] = []
  const history: Happening[] = []
  const sightings: Sighting[] = []
  const inspections = new Set<Promise<void>>()
  let lastSeen = 0

  const stream = (await docker.getEvents({
    filters: { type: ['container'], event: ['create', 'start', 'die', 'destroy', 'rename'] },
  })) as unknown as Readable
  let rest = ''
  let failure: unknown
  stream.on('error', (error) => {
    failure = error
  })
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') take(JSON.parse(line) as Told)
  })

  function blame(invariant: Violation['invariant'], told: Told, message: string): void {
    const at = new Date(told.timeNano / 1e6).toISOString()
    violations.push({
      invariant,
      at,
      message: `${message} (after ${events.slice(-12).join(', ')})`,
    })
  }

  function take(told: Told): void {
    lastSeen = told.timeNano
    const { ID, Attributes } = told.Actor
    const isOurs =
      Attributes['acefleet.instance'] === instance && Attributes['acefleet.fleet'] === fleet
    if (!isOurs) {
      // What befalls a VPN node leads to no event of its engines.
      if (Attributes['acefleet.test'] === instance) look(told)
      return
    }
    const name = Attributes.name ?? ID
    events.push(`${told.Action} ${name}`)
    history.push({ action: told.Action, name, id: ID, at: told.timeNano / 1e6 })
    if (told.Action === 'create') known.set(ID, { name, labels: Attributes, alive: true })
    const container = known.get(ID)
    if (container === undefined) return
    if (told.Action === 'die' || told.Action === 'destroy') container.alive = false
    if (told.Action === 'start') container.alive = true
    judge(told)
    look(told)
  }

  function look(told: Told): void {
    const inspection = inspect(told).finally(() => inspections.delete(inspection))
    inspections.add(inspection)
  }

  function repeated(values: readonly string[]): readonly string[] {
    return [...new Set(values.filter((value, i) => values.indexOf(value) !== i))]
  }

  function judge(told: Told): void {
    const alive = [...known.values()].filter((c) => c.alive)
    const bearers = alive.filter((c) => c.labels['acestream.forwarded'] === 'true')
    const scopes = bearers.map((c) =>
      options.scope === 'fleet' ? 'fleet' : (c.labels['acestream.vpn_container'] ?? ''),
    )
    for (const scope of repeated(scopes))
      blame(
        'I1',
        told,
        `two forwarded engines in ${scope}: ${bearers.map((c) => c.name).join(', ')}`,
      )
    for (const slot of repeated(alive.map((c) => c.labels['acefleet.slot'] ?? c.name)))
      blame('I2', told, `two containers in slot ${slot}`)
    const places = alive.map(
      (c) => `${c.labels['acefleet.vpn-generation']}:${c.labels['acestream.http_port']}`,
    )
    for (const place of repeated(places)) blame('I11', told, `two engines on ${place}`)
  }

  /** I10: an engine's network is the namespace of a container that its labels name as its VPN node's. */
  async function inspect(told: Told): Promise<void> {
    if (!options.isTunnelled) return
    for (const [id, container] of known) {
      if (!container.alive) continue
      const detail = await docker
        .getContainer(id)
        .inspect()
        .catch(() => undefined)
      if (detail === undefined || !detail.State.Running) continue
      const { name } = container
      const joined = detail.HostConfig.NetworkMode ?? ''
      const startedAt = Date.parse(detail.State.StartedAt)
      sightings.push({ name, id, networkMode: joined, startedAt })
      const generation = container.labels['acefleet.vpn-generation'] ?? 'none'
      const owner = generation.split('@')[0] ?? 'none'
      const isNodes = joined.startsWith(`container:${owner}`) && FULL.test(joined)
      if (!isNodes) blame('I10', told, `${name} runs on ${joined}`)
      if (Object.keys(detail.NetworkSettings.Networks).length > 0)
        blame('I10', told, `${name} has a network of its own`)
    }
  }

  return {
    violations,
    events,
    history,
    sightings,
    async caughtUp() {
      const now = Date.now() * 1e6
      const patience = Date.now() + 500
      while (lastSeen < now && Date.now() < patience) await sleep(20)
      await Promise.all(inspections)
      if (failure !== undefined) throw failure
    },
    async [Symbol.asyncDispose]() {
      stream.on('error', () => {})
      stream.destroy()
      await Promise.allSettled(inspections)
    },
  }
}
