import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView } from '../../src/api/view.ts'
import type { Store } from '../../src/store/store.ts'
import { engineSettings, makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import { type Capture, type Seen, startCapture } from '../harness/capture.ts'
import { startEngine } from '../harness/standins.ts'
import { recordStays, type Stay, type Stays } from '../harness/stays.ts'
import { startViewer } from '../harness/viewer.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let store: Store
let capture: Capture
let stays: Stays
let witness: Witness

/** Published on the host, where other test runs may publish too. */
const FIRST_PORT = 30_000 + (process.pid % 100) * 50
/** A node's tunnel comes up so long after its container: whoever trusts the container alone is found out. */
const CONNECT_MS = 3_000

beforeAll(async () => {
  rig = await makeRig()
  const { docker, fleet, instance } = rig
  stays = await recordStays(docker)
  capture = await startCapture(docker, fleet, { 'acefleet.test': instance })
  await addNode('a')
  await addNode('b')
  await rig.edit({
    replicas: 3,
    engine: chattering(),
    network: { ports: `${FIRST_PORT}-${FIRST_PORT + 39}` },
    vpn: { mode: 'none' },
  })
  await rig.start()
  store = await rig.openStore()
})

afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await witness?.[Symbol.asyncDispose]()
  await capture?.[Symbol.asyncDispose]()
  await stays?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
})

const addNode = (letter: string) =>
  rig.addNode(letter, { env: { STANDIN_CONNECT_MS: String(CONNECT_MS) } })

function chattering() {
  return engineSettings(rig, { env: { STANDIN_CHATTER: rig.fleet } })
}

function behind(...letters: readonly string[]) {
  return tunnelled(rig, { engine: chattering() }, letters)
}

function watch(): Promise<Witness> {
  const { docker, instance, fleet } = rig
  return startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
}

const ids = (engines: readonly EngineView[]) => engines.map(({ containerId }) => containerId ?? '')

const isNode = ({ image, labels }: Stay) =>
  image === rig.images.gluetun && labels['acefleet.test'] === rig.instance

const covers = ({ address, from, to }: Stay, { source, at }: Seen) =>
  address === source && from <= at && at <= to

/** What engines sent otherwise than through a VPN node that had the address at that very moment. */
async function strays(): Promise<readonly Seen[]> {
  await capture.caughtUp()
  await stays.caughtUp()
  const nodes = stays.list().filter(isNode)
  return capture.seen.filter((packet) => !nodes.some((stay) => covers(stay, packet)))
}

/** All of them ready, on these nodes alone. */
function readyOn(...letters: readonly string[]) {
  const names = letters.map(rig.nodeName)
  return rig.until(`all engines are ready on ${letters}`, async () => {
    const engines = await rig.engines()
    const there = engines.filter(({ ready, vpn }) => ready && names.includes(vpn ?? ''))
    return engines.length === 4 && there.length === 4
  })
}

function vpnIs(letter: string, state: string) {
  return rig.until(`${letter} is ${state}`, async () =>
    (await rig.vpns()).some((vpn) => vpn.name === rig.nodeName(letter) && vpn.state === state),
  )
}

/** Waits until each of these nodes has carried chatter that was sent from now on. */
async function heardFrom(...letters: readonly string[]): Promise<void> {
  await capture.caughtUp()
  const from = capture.seen.length
  for (const letter of letters) {
    const address = await rig.nodes[letter]?.address()
    await rig.until(`chatter comes from ${letter}`, async () =>
      capture.seen.slice(from).some(({ source }) => source === address),
    )
  }
}

const faults: Readonly<Record<string, () => Promise<unknown>>> = {
  'a VPN node is killed and comes back': async () => {
    await rig.nodes.a?.kill()
    await readyOn('b')
    await rig.nodes.a?.start()
  },
  'a VPN node is restarted': async () => {
    const before = ids(await rig.engines())
    await rig.nodes.b?.restart()
    await rig.until('a new engine is there', async () =>
      ids(await rig.engines()).some((id) => !before.includes(id)),
    )
  },
  'a VPN node is removed and made anew': async () => {
    await rig.nodes.a?.remove()
    await readyOn('b')
    await addNode('a')
  },
  'a VPN is stopped and started': async () => {
    await rig.nodes.b?.setStatus('stopped')
    await vpnIs('b', 'down')
    await readyOn('a')
    await rig.nodes.b?.set({ status: 'running', publicIp: '198.51.100.98', port: 40_098 })
  },
  'all VPN nodes are away at once': async () => {
    await Promise.all([rig.nodes.a?.kill(), rig.nodes.b?.kill()])
    await Promise.all([vpnIs('a', 'down'), vpnIs('b', 'down')])
    await rig.nodes.b?.start()
    await readyOn('b')
    await rig.nodes.a?.start()
  },
  'the spec names one node alone, then the other, then both': async () => {
    await rig.edit(behind('a'))
    await readyOn('a')
    await rig.edit(behind('b'))
    await readyOn('b')
    await rig.edit(behind('a', 'b'))
  },
}

describe('what engines send', () => {
  test('from outside ends with the edit that names a VPN, live streams or not (I10; I5 yields)', async () => {
    const outside = await rig.converged(3)
    await rig.until('the capture sees each of them', async () => {
      const ports = new Set(capture.seen.map(({ httpPort }) => httpPort))
      return outside.every(({ port }) => port !== null && ports.has(port))
    })
    expect(await strays()).toHaveLength(capture.seen.length)
    const viewers = await Promise.all(ids(outside).map((id) => startViewer(store, rig.fleet, id)))

    witness = await watch()
    await rig.edit(behind('a', 'b'))
    const engines = await rig.converged(4)
    expect(ids(engines).filter((id) => ids(outside).includes(id))).toEqual([])
    await heardFrom('a', 'b')

    await stays.caughtUp()
    const left = stays.list().filter(({ id }) => ids(outside).includes(id))
    expect(left).toHaveLength(3)
    for (const stray of await strays()) expect(left.some((stay) => covers(stay, stray))).toBe(true)
    const told = (await rig.events()).filter((e) => ids(outside).includes(e.containerId ?? ''))
    const reasons = told.map(({ reason }) => reason)
    expect(reasons.filter((reason) => reason === 'EngineFailed')).toHaveLength(3)
    expect(reasons).not.toContain('EngineDraining')
    await Promise.all(viewers.map((viewer) => viewer.end()))
  })

  test.for(Object.entries(faults))(
    'leaves through a VPN node alone when %s (I10)',
    async ([, strike]) => {
      await capture.caughtUp()
      const from = new Set(capture.seen)
      await strike()
      await rig.converged(4)
      await heardFrom('a', 'b')
      expect((await strays()).filter((packet) => !from.has(packet))).toEqual([])
    },
  )
})

describe('every engine, at every event of all that', () => {
  test('sat in the namespace of a VPN node of the fleet, and on no network of its own (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    await stays.caughtUp()
    const namespaces = new Set(
      stays
        .list()
        .filter(isNode)
        .map(({ id }) => `container:${id}`),
    )
    expect(witness.sightings.length).toBeGreaterThan(100)
    expect(witness.sightings.filter(({ networkMode }) => !namespaces.has(networkMode))).toEqual([])
    expect(witness.violations).toEqual([])
    const created = witness.history.filter(({ action }) => action === 'create')
    const engines = new Set(created.map(({ id }) => id))
    expect(stays.list().filter(({ id }) => engines.has(id))).toEqual([])
  })

  test('had started after its node’s tunnel came up in this generation (I10)', async () => {
    const nodes = stays.list().filter(isNode)
    const headStarts = witness.sightings.map(({ networkMode, startedAt }) => {
      const lives = nodes.filter((n) => networkMode === `container:${n.id}` && n.from < startedAt)
      return startedAt - Math.max(...lives.map((life) => life.startedAt))
    })
    // Docker's own times are taken a little after the fact.
    expect(Math.min(...headStarts)).toBeGreaterThan(0.9 * CONNECT_MS)
    await witness[Symbol.asyncDispose]()
  })
})

describe('an engine that somebody starts outside with the fleet’s labels', () => {
  /** On a network, with slot 9's labels; waits until the capture has seen it leak. acefleet stands still meanwhile. */
  async function leak(network: string, address: (id: string) => Promise<string>) {
    const [model] = await rig.converged(4)
    const { Config } = await rig.docker.getContainer(model?.containerId ?? '').inspect()
    const labels = { ...Config.Labels, 'acefleet.slot': '9', 'acestream.http_port': '31001' }
    rig.signal('SIGSTOP')
    try {
      const id = await startEngine(rig.docker, {
        image: rig.images.engine,
        name: `${rig.fleet}.9`,
        network,
        labels,
        env: { STANDIN_CHATTER: rig.fleet, HTTP_PORT: '31001', P2P_PORT: '31002' },
        args: ['--api-port=31003'],
      })
      const source = await address(id)
      const isSo = (packet: Seen) => packet.httpPort === 31_001 && packet.source === source
      await rig.until('it is seen', async () => (await strays()).some(isSo))
      return id
    } finally {
      rig.signal('SIGCONT')
    }
  }

  async function addressOf(id: string): Promise<string> {
    const { NetworkSettings } = await rig.docker.getContainer(id).inspect()
    return NetworkSettings.Networks.bridge?.IPAddress ?? ''
  }

  /** Waits until it is gone; then nothing that it sent is younger. */
  async function endsAtOnce(id: string): Promise<void> {
    await rig.until('it is gone', async () =>
      (await rig.docker.listContainers({ all: true })).every(({ Id }) => Id !== id),
    )
    await capture.caughtUp()
    const said = capture.seen.filter(({ httpPort }) => httpPort === 31_001).length
    await heardFrom('a', 'b')
    expect(capture.seen.filter(({ httpPort }) => httpPort === 31_001)).toHaveLength(said)
    const told = (await rig.events()).filter(({ containerId }) => containerId === id)
    expect(told.map(({ reason }) => reason)).toContain('EngineFailed')
    expect(told.map(({ reason }) => reason)).not.toContain('EngineDraining')
  }

  test('on the bridge is seen by capture and witness, and is stopped at once (I10)', async () => {
    await using second = await watch()
    const id = await leak('bridge', addressOf)
    await second.caughtUp()
    expect(second.violations.map(({ invariant }) => invariant)).toContain('I10')
    await endsAtOnce(id)
  })

  test('in the namespace of a stranger likewise, and the stranger is left alone (I8, I10)', async () => {
    const stranger = await startEngine(rig.docker, {
      image: rig.images.engine,
      name: `${rig.fleet}-stranger`,
      labels: { 'acefleet.test': rig.instance },
    })
    const before = await rig.docker.getContainer(stranger).inspect()
    const id = await leak(`container:${stranger}`, () => addressOf(stranger))
    await endsAtOnce(id)
    expect((await rig.docker.getContainer(stranger).inspect()).State).toEqual(before.State)
  })
})
