import { untilListening } from '../harness/listening.ts'
import type { GluetunStandIn } from '../harness/standins.ts'
import type { BenchRun, Figures } from './bench.ts'
import { type BenchRig, startBenchRig } from './bench-rig.ts'
import { percentile, round } from './figures.ts'

const ENGINES = 6
/** Fleets that are made. Each node fails once in a fleet: its second return within an hour would be held back. */
const STAGES = { killed: 5, stopped: 2 }
const PORT_CHANGES_PER_STAGE = 3
/** First of the ports that are granted; all differ. */
const FIRST_PORT = 46_000
/** A VPN server that is gone while Gluetun says for ten minutes that all is well. */
const FROZEN = { healthyForMs: 600_000, loopMs: 6_000 }

type FaultName = keyof typeof STAGES

interface Fault {
  strike(node: GluetunStandIn): Promise<unknown>
  /** Resolves when its tunnel is up again. */
  mend(node: GluetunStandIn): Promise<unknown>
}

const faults: Readonly<Record<FaultName, Fault>> = {
  killed: { strike: (node) => node.kill(), mend: (node) => node.start() },
  stopped: {
    strike: (node) => node.setStatus('stopped'),
    mend: (node) => node.setStatus('running'),
  },
}

/** What one fault took, ms. */
interface Round {
  readonly fault: FaultName
  /** From the fault until the API calls the node down. */
  readonly detect: number
  /** From the fault until all engines are ready on the other node. */
  readonly replace: number
  /** From the tunnel's return until the nodes differ by at most one engine. */
  readonly rebalance: number
}

/** Resolves with the time since `from` at which it first is so, looked at ten times a second. */
async function since(
  { rig }: BenchRig,
  from: number,
  what: string,
  isSo: () => Promise<boolean>,
): Promise<number> {
  await rig.until(what, isSo)
  return performance.now() - from
}

async function isDown({ rig }: BenchRig, name: string): Promise<boolean> {
  return (await rig.vpns()).some((vpn) => vpn.name === name && vpn.state === 'down')
}

/** How many engines are ready on each node, fewest first; undefined while there are others as well. */
async function spread({ rig }: BenchRig): Promise<readonly number[] | undefined> {
  const engines = await rig.engines()
  if (engines.length !== ENGINES || !engines.every(({ ready }) => ready)) return undefined
  const counts = Object.values(rig.nodes).map(
    ({ name }) => engines.filter(({ vpn }) => vpn === name).length,
  )
  return counts.toSorted((a, b) => a - b)
}

async function failAndReturn(
  bench: BenchRig,
  node: GluetunStandIn,
  fault: FaultName,
): Promise<Round> {
  const { strike, mend } = faults[fault]
  const struckAt = performance.now()
  const [detect, replace] = await Promise.all([
    since(bench, struckAt, `${node.name} is down`, () => isDown(bench, node.name)),
    since(bench, struckAt, 'all are on the other', async () => (await spread(bench))?.[0] === 0),
    strike(node),
  ])
  await mend(node)
  const rebalance = await since(bench, performance.now(), 'nodes are even', async () => {
    const [fewest = 0, most = ENGINES] = (await spread(bench)) ?? []
    return most - fewest <= 1
  })
  await bench.rig.converged(ENGINES)
  return { fault, detect, replace, rebalance }
}

/** Grants the preferred node another port; tells when the forwarded engine takes connections there, ms. */
async function changePort({ rig }: BenchRig, node: GluetunStandIn, port: number): Promise<number> {
  const address = await node.address()
  await node.setPort(port)
  const ms = await untilListening(address, port)
  await rig.converged(ENGINES)
  return ms
}

/** Changes the port of one node, which is preferred meanwhile: another with a port might be chosen as well. */
async function changePorts(run: BenchRun, bench: BenchRig, found: Found): Promise<void> {
  const { rig, spec } = bench
  const [node] = Object.values(rig.nodes)
  if (node === undefined) throw new Error('no node is there')
  await rig.edit({ ...spec(ENGINES), forwarding: { prefer: node.name } })
  await rig.converged(ENGINES)
  for (let change = 0; change < PORT_CHANGES_PER_STAGE; change++) {
    run.signal.throwIfAborted()
    const ms = await changePort(bench, node, FIRST_PORT + found.ports.length)
    found.ports.push(ms)
    run.say(`a new port is listened on after ${round(ms, 0)} ms`)
  }
  await rig.edit(spec(ENGINES))
  await rig.converged(ENGINES)
}

/** From the moment a VPN server is gone, unnoticed by Gluetun, until the API calls the node down, ms. */
async function freeze(bench: BenchRig): Promise<number> {
  const [node] = Object.values(bench.rig.nodes)
  if (node === undefined) throw new Error('no node is there')
  const at = performance.now()
  await node.set({ frozen: FROZEN })
  return await since(bench, at, 'the frozen node is down', () => isDown(bench, node.name))
}

/** One fleet: ports change, then each node fails once; at the very end, perhaps, a tunnel freezes. */
async function measureStage(run: BenchRun, fault: FaultName, found: Found, isLast: boolean) {
  const { say, signal } = run
  await using bench = await startBenchRig(run)
  await changePorts(run, bench, found)
  for (const node of Object.values(bench.rig.nodes)) {
    signal.throwIfAborted()
    const one = await failAndReturn(bench, node, fault)
    found.rounds.push(one)
    const times = [one.detect, one.replace, one.rebalance].map((ms) => round(ms, 0))
    say(`a node is ${fault}: down, replaced, even again after ${times.join(', ')} ms`)
  }
  signal.throwIfAborted()
  if (isLast) found.frozen.push(await freeze(bench))
}

interface Found {
  readonly rounds: Round[]
  readonly ports: number[]
  readonly frozen: number[]
}

/** `npm run bench -- vpn`: how soon what happens to VPN nodes is noticed and made good, engines idle. */
export async function vpn(run: BenchRun): Promise<Figures> {
  const found: Found = { rounds: [], ports: [], frozen: [] }
  const { killed, stopped } = STAGES
  for (let left = killed; left > 0; left--) await measureStage(run, 'killed', found, false)
  for (let left = stopped; left > 0; left--) await measureStage(run, 'stopped', found, left === 1)
  const p99 = (what: 'detect' | 'replace' | 'rebalance', of?: FaultName) => {
    const counted = found.rounds.filter(({ fault }) => of === undefined || fault === of)
    const times = counted.map((each) => each[what])
    return round(percentile(times, 99), 0)
  }
  return {
    detect_p99_ms: p99('detect'),
    replace_p99_ms: p99('replace'),
    port_change_p99_ms: round(percentile(found.ports, 99), 0),
    rebalance_p99_ms: p99('rebalance'),
    killed_detect_p99_ms: p99('detect', 'killed'),
    killed_replace_p99_ms: p99('replace', 'killed'),
    frozen_detect_ms: round(percentile(found.frozen, 99), 0),
    faults: found.rounds.length,
    port_changes: found.ports.length,
  }
}
