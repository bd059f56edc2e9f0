import type { Fleet, VpnNode } from '../../src/spec/fleet.ts'
import type { Random } from './random.ts'

/** The fleet under simulation. */
export const FLEET = 'home'

/** Images: good ones, one that must be pulled, and one whose engines never answer. */
export const IMAGES = {
  here: ['engine:1', 'engine:2', 'engine:bad'],
  registry: ['engine:3'],
  bad: 'engine:bad',
} as const

const GOOD_IMAGES = ['engine:1', 'engine:2', 'engine:3'] as const

const NODES = ['gluetun-a', 'gluetun-b', 'gluetun-c'] as const

function nodeAt(index: number): VpnNode {
  const first = 19_000 + 100 * index
  return {
    name: NODES[index] ?? `gluetun-${index}`,
    control: {},
    ports: { first, last: first + 49 },
    cordon: false,
  }
}

const SCOPES = ['fleet', 'fleet', 'fleet', 'vpn', 'none'] as const

/** A valid fleet of any shape that a document can give it. */
export function drawFleet(random: Random): Fleet {
  const mode = random.pick(['none', 'single', 'redundant', 'redundant', 'redundant'] as const)
  const count = mode === 'none' ? 0 : mode === 'single' ? 1 : random.int(2, 3)
  const scope = mode === 'none' ? 'none' : random.pick(SCOPES)
  const nodes = Array.from({ length: count }, (_, index) => nodeAt(index))
  const [maxSurge, maxUnavailable] = random.pick([
    [1, 0],
    [1, 0],
    [0, 1],
    [2, 1],
  ] as const)
  const prefer =
    scope === 'fleet' && random.chance(0.4) ? random.pick(nodes.map((n) => n.name)) : undefined
  const cures = random.fork('cures')
  return {
    name: FLEET,
    replicas: random.int(0, 8),
    engine: {
      variant: 'krinkuto11-amd64',
      image: random.pick(GOOD_IMAGES),
      pullPolicy: 'IfNotPresent',
      env: {},
      args: [],
      maxStreams: 2,
      resources: {},
      health: random.pick([
        { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 },
        { intervalMs: 2_000, timeoutMs: 1_000, failures: 2 },
      ]),
      startTimeoutMs: random.pick([20_000, 60_000]),
      ports: { https: 16_000, api: 17_000, p2p: 18_000 },
    },
    network: { ports: { first: 19_900, last: 19_949 }, bind: '127.0.0.1', name: 'bridge' },
    vpn: {
      mode,
      downGraceMs: random.pick([0, 5_000, 15_000]),
      restartEnginesOnReconnect: 'auto',
      // Drawn apart, so that older seeds go on meaning what they meant.
      restartVpnAfterMs: cures.pick(['never', 5_000, 20_000]),
      restartContainerAfterMs: cures.pick(['never', 'never', 30_000]),
      nodes,
    },
    forwarding: { scope, prefer, portGraceMs: random.pick([5_000, 20_000, 60_000]) },
    update: { maxSurge, maxUnavailable, drainTimeoutMs: random.pick([0, 10_000, 40_000]) },
  }
}

type Edit = (fleet: Fleet, random: Random) => Fleet

const withNodes = (fleet: Fleet, nodes: readonly VpnNode[]): Fleet => ({
  ...fleet,
  vpn: { ...fleet.vpn, nodes },
})

const EDITS: Readonly<Record<string, Edit>> = {
  replicas: (fleet, random) => ({ ...fleet, replicas: random.int(0, 8) }),
  image: (fleet, random) => ({
    ...fleet,
    engine: { ...fleet.engine, image: random.pick(GOOD_IMAGES) },
  }),
  'bad image': (fleet) => ({ ...fleet, engine: { ...fleet.engine, image: IMAGES.bad } }),
  environment: (fleet, random) => ({
    ...fleet,
    engine: { ...fleet.engine, env: { TUNED: String(random.int(0, 3)) } },
  }),
  cordon: (fleet, random) => {
    if (fleet.vpn.nodes.length < 2) return fleet
    const { name } = random.pick(fleet.vpn.nodes)
    return withNodes(
      fleet,
      fleet.vpn.nodes.map((n) => ({ ...n, cordon: n.name === name && !n.cordon })),
    )
  },
  prefer: (fleet, random) => {
    if (fleet.forwarding.scope !== 'fleet') return fleet
    const prefer = random.pick([undefined, ...fleet.vpn.nodes.map((n) => n.name)])
    return { ...fleet, forwarding: { ...fleet.forwarding, prefer } }
  },
  scope: (fleet, random) => {
    if (fleet.vpn.mode === 'none') return fleet
    const scope = random.pick(['fleet', 'vpn', 'none'] as const)
    return { ...fleet, forwarding: { ...fleet.forwarding, scope, prefer: undefined } }
  },
  surge: (fleet, random) => {
    const maxSurge = random.int(0, 2)
    return { ...fleet, update: { ...fleet.update, maxSurge, maxUnavailable: 1 } }
  },
}

/** One edit of the document, and its name for the trace. */
export function editFleet(fleet: Fleet, random: Random): { fleet: Fleet; what: string } {
  const what = random.pick(Object.keys(EDITS))
  return { fleet: EDITS[what]?.(fleet, random) ?? fleet, what }
}

/** The document as it is left when edits end: one that can be reached. */
export function lastEdit(fleet: Fleet): Fleet {
  const image = fleet.engine.image === IMAGES.bad ? GOOD_IMAGES[0] : fleet.engine.image
  const isOpen = fleet.vpn.nodes.some((node) => !node.cordon)
  const nodes = isOpen ? fleet.vpn.nodes : fleet.vpn.nodes.map((n) => ({ ...n, cordon: false }))
  return withNodes({ ...fleet, engine: { ...fleet.engine, image } }, nodes)
}
