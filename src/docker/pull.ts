import { z } from 'zod'
import type { Lease } from '../lease/lease.ts'
import type { Clock } from '../time/clock.ts'
import { DockerError } from './errors.ts'
import { scrub } from './host.ts'
import { makeLineSplitter } from './lines.ts'
import { parseJson } from './parse.ts'
import type { Wire } from './wire.ts'

/** No byte for so long means a dead registry: the daemon reports every few hundred ms, extraction included. */
const STALL_MS = 300_000

/** At most one progress line in so many ms. */
const PROGRESS_MS = 1_000

const progress = z.object({
  status: z.string().optional(),
  id: z.string().optional(),
  error: z.string().optional(),
  progressDetail: z
    .object({ current: z.number().optional(), total: z.number().optional() })
    .nullish(),
})

type Progress = z.output<typeof progress>

interface Layer {
  readonly current: number
  readonly total: number
  readonly isDone: boolean
}

/** Pulls an image. The daemon answers 200 at once and tells of a failure inside the stream. */
export async function pullImage(
  wire: Wire,
  lease: Lease,
  image: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  using connection = await wire.open({
    verb: 'pull',
    target: image,
    signal,
    lease,
    dial: (client, abortSignal, done) => void client.pull(image, { abortSignal }, done),
  })
  const splitter = makeLineSplitter()
  const report = makeReport(wire.clock, onProgress)
  for (;;) {
    const chunk = await connection.read(STALL_MS)
    if (chunk === 'idle') throw new DockerError(`docker pull ${image}: no progress for 5 minutes`)
    if (chunk === 'end') break
    for (const line of splitter.push(chunk)) take(image, line, report)
  }
  take(image, splitter.rest(), report)
}

function take(image: string, line: string, report: (progress: Progress) => void): void {
  if (line.trim() === '') return
  const parsed = progress.safeParse(parseJson('pull', line))
  if (!parsed.success) return
  if (parsed.data.error !== undefined) {
    throw new DockerError(`docker pull ${image}: ${scrub(parsed.data.error)}`)
  }
  report(parsed.data)
}

/** Sums the layers up in one line for people. */
function makeReport(clock: Clock, onProgress: (line: string) => void): (step: Progress) => void {
  const layers = new Map<string, Layer>()
  let toldAt = -Infinity
  return ({ status = '', id, progressDetail }) => {
    if (id !== undefined && LAYER_STEPS.test(status)) {
      const { current = 0, total = 0 } = progressDetail ?? {}
      layers.set(id, { current, total, isDone: /complete|already exists/i.test(status) })
    }
    const now = clock.monotonic()
    if (now - toldAt < PROGRESS_MS) return
    toldAt = now
    onProgress(layers.size === 0 ? status : `${status} ${summarise([...layers.values()])}`)
  }
}

/** The first line's id is the tag, not a layer. */
const LAYER_STEPS =
  /^(pulling fs layer|waiting|downloading|verifying|extracting|download complete|pull complete|already exists)/i

function summarise(layers: readonly Layer[]): string {
  const done = layers.filter(({ isDone }) => isDone).length
  const megabytes = (pick: (layer: Layer) => number) =>
    (layers.reduce((sum, layer) => sum + (layer.isDone ? 0 : pick(layer)), 0) / 1e6).toFixed(1)
  const moving = `${megabytes((l) => l.current)} of ${megabytes((l) => l.total)} MB under way`
  return `(${done} of ${layers.length} layers, ${moving})`
}
