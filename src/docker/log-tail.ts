import { stripVTControlCharacters } from 'node:util'
import { DockerError } from './errors.ts'
import { type LineSplitter, makeLineSplitter } from './lines.ts'
import type { ContainerId } from './port.ts'
import type { Wire } from './wire.ts'

/** A log line is for people: the rest of a longer one is left out, characters. */
const LINE_CHARS = 2_000

/** dockerd splits at 16 KiB, so this is more than any tail that is asked for; an odd log driver is stopped here. */
const LOG_BYTES = 8 * 1024 * 1024

const HEADER_BYTES = 8

/** Cuts the daemon's log stream into lines. */
interface LogReader {
  push(chunk: Buffer): void
  /** The last lines, oldest first. */
  tail(): readonly string[]
}

/**
 * Without a terminal the daemon sends frames `[stream, 0, 0, 0, length × 4]`; with one, raw bytes. The API version
 * spoken here does not say which, but no terminal output begins with a byte below 3 and three zeros.
 */
function makeLogReader(lines: number): LogReader {
  const kept: string[] = []
  const splitters = new Map<number, LineSplitter>()
  let buffer = Buffer.alloc(0)
  let isFramed: boolean | undefined

  const keep = (line: string) => {
    kept.push(stripVTControlCharacters(line).replaceAll('\r', '').slice(0, LINE_CHARS))
    if (kept.length > lines) kept.shift()
  }
  const splitterOf = (stream: number) => {
    const splitter = splitters.get(stream) ?? makeLineSplitter()
    splitters.set(stream, splitter)
    return splitter
  }
  const drain = (stream: number, bytes: Buffer) => splitterOf(stream).push(bytes).forEach(keep)

  return {
    push: (chunk) => {
      if (isFramed === false) return drain(0, chunk)
      buffer = Buffer.concat([buffer, chunk])
      if (buffer.length < HEADER_BYTES) return
      isFramed ??= isHeader(buffer)
      if (!isFramed) return drain(0, buffer)
      while (buffer.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + buffer.readUInt32BE(4)
        if (buffer.length < end) return
        drain(buffer.readUInt8(0), buffer.subarray(HEADER_BYTES, end))
        buffer = buffer.subarray(end)
      }
    },
    tail: () => {
      // Fewer bytes than a header has are raw ones.
      if (isFramed === undefined) drain(0, buffer)
      for (const splitter of splitters.values()) if (splitter.rest() !== '') keep(splitter.rest())
      return kept
    },
  }
}

function isHeader(bytes: Buffer): boolean {
  return bytes.readUInt8(0) <= 2 && bytes.readUIntBE(1, 3) === 0
}

/** The last lines of a container's output. */
export async function readLogTail(
  wire: Wire,
  timeoutMs: number,
  id: ContainerId,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const endsAt = wire.clock.monotonic() + timeoutMs
  using connection = await wire.open({
    verb: 'logTail',
    target: id,
    signal,
    // By the layer below `container.logs()`, which gives a stream only with `follow`.
    dial: (client, abortSignal, done) =>
      client.modem.dial(
        {
          path: `/containers/${id}/logs?`,
          method: 'GET',
          options: { stdout: true, stderr: true, tail: lines },
          isStream: true,
          statusCodes: { 200: true },
          abortSignal,
        },
        done,
      ),
  })
  const reader = makeLogReader(lines)
  for (let bytes = 0; bytes < LOG_BYTES; ) {
    const chunk = await connection.read(endsAt - wire.clock.monotonic())
    if (chunk === 'end') break
    if (chunk === 'idle') {
      throw new DockerError(
        `docker logTail ${id.slice(0, 12)}: no end within ${timeoutMs / 1000} s`,
      )
    }
    bytes += chunk.length
    reader.push(chunk)
  }
  return reader.tail()
}
