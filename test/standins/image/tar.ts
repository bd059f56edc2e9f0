import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'

/** A file or directory of an archive, without a leading slash. */
export type TarEntry =
  | { readonly path: string; readonly mode: number; readonly content: string | Buffer }
  /** Read from the disk while it is sent. */
  | { readonly path: string; readonly mode: number; readonly from: string }
  | { readonly path: string; readonly mode: number; readonly isDirectory: true }

const blockBytes = 512

/** A ustar archive with no times and no owners in it: the same files make the same layer. */
export function makeTar(entries: readonly TarEntry[]): Readable {
  return Readable.from(blocks(entries), { objectMode: false })
}

async function* blocks(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if ('isDirectory' in entry) {
      yield header(`${entry.path}/`, entry.mode, 0, '5')
      continue
    }
    const size = 'from' in entry ? statSync(entry.from).size : Buffer.byteLength(entry.content)
    yield header(entry.path, entry.mode, size, '0')
    if ('from' in entry) yield* createReadStream(entry.from, { highWaterMark: 1 << 20 })
    else yield Buffer.from(entry.content)
    const rest = size % blockBytes
    if (rest > 0) yield Buffer.alloc(blockBytes - rest)
  }
  yield Buffer.alloc(2 * blockBytes)
}

function header(path: string, mode: number, size: number, type: '0' | '5'): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`a tar entry's path is too long: ${path}`)
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, width: number) =>
    block.write(value.toString(8).padStart(width, '0'), at)
  block.write(path, 0)
  octal(mode, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(size, 124, 11)
  octal(0, 136, 11)
  block.fill(' ', 148, 156)
  block.write(type, 156)
  block.write('ustar\u000000', 257)
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  block[154] = 0
  return block
}
