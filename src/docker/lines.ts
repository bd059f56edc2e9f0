import { StringDecoder } from 'node:string_decoder'
import { DockerError } from './errors.ts'

/** A line longer than this is no answer of a daemon in its right mind, characters. */
const LINE_CHARS = 4 * 1024 * 1024

/** Cuts a byte stream into lines: a chunk may hold several, a part of one, or half of a character. */
export interface LineSplitter {
  /** The lines that this chunk completes. */
  push(chunk: Buffer): readonly string[]
  /** What is left behind the last newline. */
  rest(): string
}

/** Builds a splitter for one stream. */
export function makeLineSplitter(): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let tail = ''
  return {
    push: (chunk) => {
      const lines = (tail + decoder.write(chunk)).split('\n')
      tail = lines.pop() ?? ''
      if (tail.length > LINE_CHARS)
        throw new DockerError('docker: the daemon sends a line without end')
      return lines
    },
    rest: () => tail,
  }
}
