import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRun, Figures } from './bench.ts'
import { startBenchRig } from './bench-rig.ts'
import type { MeteredCall } from './daemon-meter.ts'
import { round } from './figures.ts'
import { cpuMs, stolenMs } from './process-usage.ts'

const ENGINES = 50
/** Passes for nothing, each brought about by a doubled event. */
const PASSES = 20
/** Between two of them, ms: longer than events are coalesced, shorter than any resync. */
const GAP_MS = 250
/** New engines are probed often at first, and statuses settle, ms. */
const REST_MS = 15_000
/** A resync and six rounds of probes, ms. */
const WINDOW_MS = 33_000
/** Each tells the CPU time of the same work. */
const WINDOWS = 4

/** What the process took of a core, and what a host took of the machine meanwhile, which makes the former seem more. */
interface Window {
  readonly cpuPct: number
  readonly stolenPct: number
}

async function cpuOver(pid: number, signal: AbortSignal): Promise<Window> {
  const [cpu, stolen, from] = [cpuMs(pid), stolenMs(), performance.now()]
  await sleep(WINDOW_MS, undefined, { signal })
  const percent = (ms: number) => (ms / (performance.now() - from)) * 100
  return {
    cpuPct: percent(cpuMs(pid) - cpu),
    stolenPct: percent(stolenMs() - stolen) / cpus().length,
  }
}

const count = (calls: readonly MeteredCall[], kind: MeteredCall['kind']) =>
  calls.filter((call) => call.kind === kind).length

/** `npm run bench -- noop`: what a fleet of 50 engines costs while nothing happens. */
export async function noop(run: BenchRun): Promise<Figures> {
  const { say, signal } = run
  await using bench = await startBenchRig(run)
  const { rig, meter } = bench
  say(`${ENGINES} engines come up`)
  await rig.edit(bench.spec(ENGINES))
  await rig.converged(ENGINES)
  await sleep(REST_MS, undefined, { signal })

  say(`${PASSES} passes, each for a doubled event`)
  const before = meter.calls.length
  for (let i = 0; i < PASSES; i++) {
    meter.repeatLastEvent()
    await sleep(GAP_MS, undefined, { signal })
  }
  const calls = meter.calls.slice(before)
  const [lists, inspects] = [count(calls, 'list') / PASSES, count(calls, 'inspect') / PASSES]
  say(`per pass ${round(lists)} lists and ${round(inspects)} inspects`)

  say(`CPU over ${WINDOWS} times ${WINDOW_MS / 1000} s without any event`)
  const pid = await bench.pid()
  const windows: Window[] = []
  for (let i = 0; i < WINDOWS; i++) {
    const from = meter.calls.length
    const window = await cpuOver(pid, signal)
    const passes = count(meter.calls.slice(from), 'list')
    const { cpuPct, stolenPct } = window
    say(`${round(cpuPct)} % of a core, ${passes} passes of its own, ${round(stolenPct)} % stolen`)
    windows.push(window)
  }

  const mutations = count(meter.calls.slice(before), 'mutation')
  const quietest = windows.toSorted((a, b) => a.cpuPct - b.cpuPct)[0]
  return {
    lists: round(lists),
    inspects: round(inspects),
    mutations,
    cpu_pct: round(quietest?.cpuPct ?? Number.NaN),
    stolen_pct: round(quietest?.stolenPct ?? Number.NaN),
    engines: ENGINES,
    vpn_nodes: 2,
  }
}
