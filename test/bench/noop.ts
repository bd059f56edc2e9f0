import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BenchRun, Figures } from './bench.ts'
import { type BenchRig, startBenchRig } from './bench-rig.ts'
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

/** What acefleet and the bare prober took of a core, and what a host took of the machine, which makes both seem more. */
interface Window {
  readonly cpuPct: number
  readonly barePct: number
  readonly stolenPct: number
}

async function cpuOver(pid: number, barePid: number, signal: AbortSignal): Promise<Window> {
  const [cpu, bare, stolen, from] = [cpuMs(pid), cpuMs(barePid), stolenMs(), performance.now()]
  await sleep(WINDOW_MS, undefined, { signal })
  const percent = (ms: number) => (ms / (performance.now() - from)) * 100
  return {
    cpuPct: percent(cpuMs(pid) - cpu),
    barePct: percent(cpuMs(barePid) - bare),
    stolenPct: percent(stolenMs() - stolen) / cpus().length,
  }
}

/** Probes the same engines with nothing around it, until disposed. */
async function startBareProber({ rig }: BenchRig): Promise<Disposable & { readonly pid: number }> {
  const engines = await rig.engines()
  const urls = engines.map(
    ({ address, port }) => `http://${address}:${port}/server/api?api_version=3&method=get_status`,
  )
  const program = fileURLToPath(new URL('./bare-probes.ts', import.meta.url))
  const child = spawn(process.execPath, [program, ...urls], { stdio: 'ignore' })
  if (child.pid === undefined) throw new Error('the bare prober did not start')
  return { pid: child.pid, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** Doubles the last event, and waits for the pass that it brings about. */
async function passForNothing({ meter }: BenchRig, signal: AbortSignal): Promise<void> {
  const before = count(meter.calls, 'list')
  meter.repeatLastEvent()
  while (count(meter.calls, 'list') === before) await sleep(10, undefined, { signal })
  await sleep(GAP_MS, undefined, { signal })
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
    await passForNothing(bench, signal)
  }
  const calls = meter.calls.slice(before)
  const [lists, inspects] = [count(calls, 'list') / PASSES, count(calls, 'inspect') / PASSES]
  say(`per pass ${round(lists)} lists and ${round(inspects)} inspects`)

  say(`CPU over ${WINDOWS} times ${WINDOW_MS / 1000} s without any event`)
  const pid = await bench.pid()
  using bare = await startBareProber(bench)
  await sleep(REST_MS, undefined, { signal })
  const windows: Window[] = []
  for (let i = 0; i < WINDOWS; i++) {
    const from = meter.calls.length
    const window = await cpuOver(pid, bare.pid, signal)
    const passes = count(meter.calls.slice(from), 'list')
    const { cpuPct, barePct, stolenPct } = window
    say(
      `${round(cpuPct)} % of a core, bare probes ${round(barePct)} %, ${passes} passes of its own, ` +
        `${round(stolenPct)} % stolen`,
    )
    windows.push(window)
  }

  const mutations = count(meter.calls.slice(before), 'mutation')
  const quietest = windows.toSorted((a, b) => a.cpuPct - b.cpuPct)[0]
  return {
    lists: round(lists),
    inspects: round(inspects),
    mutations,
    cpu_pct: round(quietest?.cpuPct ?? Number.NaN),
    bare_cpu_pct: round(quietest?.barePct ?? Number.NaN),
    stolen_pct: round(quietest?.stolenPct ?? Number.NaN),
    engines: ENGINES,
    vpn_nodes: 2,
  }
}
