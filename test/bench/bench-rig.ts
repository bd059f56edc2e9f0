import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUp } from '../../deploy/setup/main.ts'
import { makeRig, type Rig, type SpecBody } from '../harness/acefleet.ts'
import type { BenchRun } from './bench.ts'
import { type DaemonMeter, meterDaemon } from './daemon-meter.ts'

/** A real `acefleet run` behind a meter, with two stand-in VPN nodes. */
export interface BenchRig extends AsyncDisposable {
  readonly rig: Rig
  readonly meter: DaemonMeter
  /** Of the acefleet process. */
  pid(): Promise<number>
  /** The fleet's spec with so many engines; all that is not said is acefleet's default. */
  spec(replicas: number): SpecBody
}

/** Sets up what is missing, and starts acefleet on a fleet without engines. */
export async function startBenchRig({ say }: BenchRun): Promise<BenchRig> {
  await setUp()
  await using building = new AsyncDisposableStack()
  const rig = building.use(await makeRig())
  const dir = await mkdtemp(join(tmpdir(), 'acefleet-bench-'))
  building.defer(() => rm(dir, { recursive: true, force: true }))
  const meter = building.use(await meterDaemon(join(dir, 'docker.sock'), rig.instance))
  const spec = (replicas: number): SpecBody => ({
    replicas,
    engine: { variant: 'krinkuto11-amd64', image: rig.images.engine, pullPolicy: 'Never' },
    vpn: {
      mode: 'redundant',
      nodes: ['a', 'b'].map((letter, i) => ({
        name: rig.nodeName(letter),
        ports: `${19_000 + 500 * i}-${19_499 + 500 * i}`,
      })),
    },
  })
  say('two stand-in VPN nodes')
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(spec(0))
  await rig.start({ env: { DOCKER_HOST: meter.url, ACEFLEET_LOG_LEVEL: 'info' } })
  await nodesUp(rig)
  const built = building.move()
  return {
    rig,
    meter,
    spec,
    async pid() {
      const { leader } = await rig.fleetView()
      return Number(leader?.split(':').at(-1))
    },
    [Symbol.asyncDispose]: () => built.disposeAsync(),
  }
}

/** Waits until both nodes are up and a forwarded port is known: from then on acefleet may create at once. */
export async function nodesUp(rig: Rig): Promise<void> {
  await rig.until('both VPN nodes are up', async () => {
    const vpns = await rig.vpns()
    return vpns.length === 2 && vpns.every((v) => v.state === 'up' && v.forwardedPort !== null)
  })
}
