import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { engineInProcess, openStream, readBytes } from '../harness/engine-in-process.ts'
import type { BenchRun, Figures } from './bench.ts'
import { percentile, round } from './figures.ts'
import { startHaproxy } from './haproxy.ts'
import { cpuMs, rssMib } from './process-usage.ts'
import type { SinkCount, SinkOrder } from './stream-sink.ts'

const BITRATE = 8_000_000
const VIEWERS = [1, 10, 100, 200, 400]
const WARM_UP_MS = 2_000
const MEASURED_MS = 5_000
/** Starts through the gateway and without it, in turn. */
const STARTS = 50
const CHECKED = 3

const hash = (n: number) => n.toString(16).padStart(40, '0')

function start(
  stack: AsyncDisposableStack,
  file: string,
  execArgv: readonly string[] = [],
): ChildProcess {
  const child = fork(new URL(file, import.meta.url), { execArgv: [...execArgv] })
  stack.defer(() => void child.kill())
  return child
}

async function tell<T>(child: ChildProcess, message: number | string | SinkOrder): Promise<T> {
  child.send(message)
  const [answer] = await once(child, 'message')
  return answer
}

interface Measured {
  readonly bytesPerCpuS: number
  readonly cpuPct: number
  readonly rss: number
}

/** What a proxy takes for so many viewers of one stream. */
async function measure(sink: ChildProcess, pid: number, order: SinkOrder): Promise<Measured> {
  await tell<SinkCount>(sink, order)
  await sleep(WARM_UP_MS)
  const before = await tell<SinkCount>(sink, 'count')
  const [cpu, at] = [cpuMs(pid), performance.now()]
  await sleep(MEASURED_MS)
  const after = await tell<SinkCount>(sink, 'count')
  const [cpuS, tookS] = [(cpuMs(pid) - cpu) / 1_000, (performance.now() - at) / 1_000]
  const rss = rssMib(pid)
  await tell<SinkCount>(sink, 'end')
  const [problem] = after.problems
  if (problem !== undefined || after.closed > 0 || after.least === 0)
    throw new Error(`the stream is not whole: ${problem ?? `${after.closed} viewers were cut`}`)
  const bytesPerCpuS = (after.bytes - before.bytes) / cpuS
  return { bytesPerCpuS, cpuPct: (cpuS / tookS) * 100, rss }
}

async function firstByteMs(url: string): Promise<number> {
  const at = performance.now()
  const response = await openStream(url)
  await readBytes(response, 188)
  response.destroy()
  return performance.now() - at
}

/** What the gateway adds to an engine's own time to first byte, each content being asked for the first time. */
async function addedMs(gateway: string, engine: string): Promise<number> {
  const added: number[] = []
  for (let n = 0; n < STARTS; n++) {
    const direct = await firstByteMs(`${engine}/ace/getstream?id=${hash(2 * n + 1)}`)
    added.push((await firstByteMs(`${gateway}/ace/getstream?id=${hash(2 * n + 2)}`)) - direct)
  }
  return percentile(added, 99)
}

/**
 * What viewers cost the gateway, beside HAProxy, which proxies as many streams of the same bit rate one by one, in the same
 * run: `vs_haproxy` is the gateway's bytes per CPU second as a multiple of HAProxy's.
 */
export async function gateway({ say }: BenchRun): Promise<Figures> {
  await using stack = new AsyncDisposableStack()
  const engine = stack.use(await engineInProcess({ bitrate: BITRATE }))
  // As `acefleet run` has it.
  const child = start(stack, './gateway-process.ts', ['--optimize-for-size'])
  const port = await tell<number>(child, Number(new URL(engine.url).port))
  const pid = child.pid ?? 0
  const source = await tell<number>(start(stack, './stream-source.ts'), BITRATE)
  const haproxy = stack.use(await startHaproxy(source))
  const sink = start(stack, './stream-sink.ts')
  say(`${STARTS} starts`)
  const added = await addedMs(`http://127.0.0.1:${port}`, engine.url)
  const ratios: Record<string, number> = {}
  let at200 = { cpu_pct_200: Number.NaN, rss_mib_200: Number.NaN }
  for (const viewers of VIEWERS) {
    const path = `/ace/getstream?id=${hash(1_000 + viewers)}`
    const ours = await measure(sink, pid, {
      port,
      path,
      viewers,
      checked: Math.min(CHECKED, viewers),
    })
    const plain = { port: haproxy.port, path: '/', viewers, checked: 0 }
    const theirs = await measure(sink, haproxy.pid, plain)
    const mb = (value: number) => round(value / 1e6, 0)
    const cost = `${round(ours.cpuPct)} % CPU, ${round(ours.rss, 0)} MiB`
    say(
      `${viewers} viewers: ${cost}, ${mb(ours.bytesPerCpuS)} MB per CPU second; HAProxy ${mb(theirs.bytesPerCpuS)}`,
    )
    ratios[viewers] = round(ours.bytesPerCpuS / theirs.bytesPerCpuS)
    if (viewers === 200)
      at200 = { cpu_pct_200: round(ours.cpuPct, 1), rss_mib_200: round(ours.rss, 0) }
  }
  return { ttfb_over_engine_p99_ms: round(added, 1), ...at200, vs_haproxy: ratios }
}
