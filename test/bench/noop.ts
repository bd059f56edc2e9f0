import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRun, Figures } from './bench.ts'
import { startBenchRig } from './bench-rig.ts'
import type { MeteredCall } from './daemon-meter.ts'
import { round } from './figures.ts'
import { cpuMs } from './process-usage.ts'

const ENGINES = 50
/** Passes for nothing, each brought about by a doubled event. */
const PASSES = 20
/** Between two of them, ms: longer than events are coalesced, shorter than any resync. */
const GAP_MS = 250
/** New engines are probed often at first, and statuses settle, ms. */
const REST_MS = 15_000
/** Two resyncs and a dozen rounds of probes, ms. */
const CPU_MS = 65_000

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

  say(`CPU over ${CPU_MS / 1000} s without any event`)
  const pid = await bench.pid()
  const [quietFrom, cpuFrom, from] = [meter.calls.length, cpuMs(pid), performance.now()]
  await sleep(CPU_MS, undefined, { signal })
  const cpuPct = ((cpuMs(pid) - cpuFrom) / (performance.now() - from)) * 100
  const quiet = meter.calls.slice(quietFrom)
  say(`${round(cpuPct)} % of a core, ${count(quiet, 'list')} passes of its own`)

  const mutations = count(meter.calls.slice(before), 'mutation')
  return {
    lists: round(lists),
    inspects: round(inspects),
    mutations,
    cpu_pct: round(cpuPct),
    engines: ENGINES,
    vpn_nodes: 2,
  }
}
