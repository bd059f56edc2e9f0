import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { stringify } from 'yaml'
import { openRedis } from '../../src/redis/data-server.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import type { Store } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'
import { removeLabelled } from '../harness/standins.ts'
import { startWitness, type Witness } from '../harness/witness.ts'
import type { Random } from '../sim/random.ts'
import type { Grounds } from './grounds.ts'
import { type Facts, noFacts, pidOf } from './judge/facts.ts'
import { makeReplica, type Replica } from './replica.ts'
import { type Servers, startServers } from './servers.ts'
import type { ChaosTiming } from './timing.ts'
import { watchEngines } from './witness/engine-watch.ts'
import { type StoreWatch, watchStore } from './witness/store-watch.ts'

export interface StageParts {
  readonly grounds: Grounds
  /** Where specs and logs go. */
  readonly dir: string
  /** Makes names of the run's stages distinct. */
  readonly number: number
  readonly leaseServers: 1 | 3
  readonly timing: ChaosTiming
  readonly random: Random
  readonly bug?: string | undefined
}

/** What of the spec changes from time to time. */
export interface Wanted {
  readonly replicas: number
  /** Another one is another spec hash: all engines are replaced. */
  readonly version: number
}

/** One fleet with three replicas of acefleet, their Redis servers, and the witnesses of all. */
export interface Stage extends AsyncDisposable {
  readonly docker: Docker
  readonly fleet: string
  readonly instance: string
  readonly timing: ChaosTiming
  readonly replicas: readonly Replica[]
  readonly servers: Servers
  readonly facts: Facts
  readonly witness: Witness
  readonly watch: StoreWatch
  /** A connection of the harness's own, for viewers. */
  readonly store: Store
  readonly dir: string
  wanted(): Wanted
  edit(change: Partial<Wanted>): Promise<void>
  /** The replica for which the newest term was opened. */
  leader(): Replica | undefined
}

const MAX_SURGE = 2
const DRAIN_MS = 6_000

function specOf({ grounds }: StageParts, { replicas, version }: Wanted) {
  return {
    replicas,
    engine: {
      variant: 'krinkuto11-amd64',
      image: grounds.images.engine,
      pullPolicy: 'Never',
      env: { CHAOS_VERSION: String(version) },
      // Three replicas, their servers and the judges share the machine: an engine is slow before it is dead.
      health: { interval: '2s', timeout: '2s', failures: 4 },
      startTimeout: '60s',
    },
    vpn: {
      mode: 'redundant',
      nodes: grounds.nodes.map((name, i) => ({
        name,
        ports: `${19_000 + i * 500}-${19_499 + i * 500}`,
      })),
    },
    update: { maxSurge: MAX_SURGE, maxUnavailable: 1, drainTimeout: `${DRAIN_MS}ms` },
  }
}

/** Writes the spec as an editor does, a new file in the old one's place. */
function makeEditor(parts: StageParts, specDir: string, fleet: string, facts: Facts) {
  let wanted: Wanted = { replicas: 4, version: 1 }
  return {
    wanted: () => wanted,
    async edit(change: Partial<Wanted>) {
      wanted = { ...wanted, ...change }
      const spec = specOf(parts, wanted)
      const metadata = { name: fleet }
      const document = { apiVersion: 'acefleet/v1', kind: 'EngineFleet', metadata, spec }
      const file = join(specDir, 'fleet.yaml')
      await writeFile(`${file}.new`, stringify(document))
      facts.specs.push({ at: Date.now(), replicas: wanted.replicas, maxSurge: MAX_SURGE })
      await rename(`${file}.new`, file)
    },
  }
}

/** Sets all up; the fleet is on its way when it resolves. */
export async function setStage(parts: StageParts): Promise<Stage> {
  const { grounds, dir, timing, random } = parts
  const { docker } = grounds
  const fleet = `c${process.pid}x${parts.number}`
  const instance = `test-t${process.pid}x${parts.number}`
  const facts = noFacts(parts.leaseServers, timing.ttlMs)
  const specDir = join(dir, 'specs')
  await mkdir(specDir, { recursive: true })
  const editor = makeEditor(parts, specDir, fleet, facts)
  await editor.edit({})

  await using set = new AsyncDisposableStack()
  set.defer(async () => void (await removeLabelled(docker, { 'acefleet.instance': instance })))
  set.use(await watchEngines(docker, instance, (fact) => facts.engines.push(fact)))
  const witness = set.use(
    await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true }),
  )
  const watch = watchStore(facts, instance, fleet)
  const leaseKey = `acefleet:${instance}:lease:${fleet}`
  const servers = set.use(await startServers(parts.leaseServers, { facts, watch, leaseKey }))
  const redis = set.use(openRedis({ url: servers.data.url, clock: systemClock }))
  await redis.connected(AbortSignal.timeout(10_000))
  const newId = () => `harness-${random.next()}`
  const store = set.use(openRedisStore({ redis, instance, newId, clock: systemClock }))
  const replicas: Replica[] = []
  for (const letter of ['a', 'b', 'c']) {
    const replica = await makeReplica({
      ...{ letter, dir, instance, specDir, bug: parts.bug, random: random.fork(letter).next },
      dataPort: servers.data.port,
      leasePorts: servers.leases.map(({ port }) => port),
      flags: ['--lease-ttl', `${timing.ttlMs}ms`, '--lease-renew', `${timing.renewMs}ms`],
      onIssued: (call) => facts.calls.push(call),
    })
    replicas.push(set.use(replica))
  }
  await Promise.all(replicas.map((replica) => replica.start()))
  const owned = set.move()
  return {
    ...{ docker, fleet, instance, timing, replicas, servers, facts, witness, watch, store, dir },
    ...editor,
    leader() {
      const term = facts.terms.at(-1)
      const pid = term === undefined ? undefined : pidOf(term.holder)
      return replicas.find((replica) => replica.pid() === pid)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
