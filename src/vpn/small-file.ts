import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

export interface SmallFile {
  readonly text: string
  /** Unix ms. */
  readonly modifiedAt: number
}

/** Reads a small text file freshly. Rejects when it is none: absent, unreadable, no regular file, too large. */
export type ReadSmallFile = (path: string) => Promise<SmallFile>

/** Far beyond any key or list of ports, bytes. */
const MAX_BYTES = 16 * 1024

/** The file system's. */
export const readSmallFile: ReadSmallFile = async (path) => {
  // Non-blocking, because opening a pipe would otherwise wait for its writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new Error('it is no regular file')
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0)
    if (bytesRead > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`)
    return { text: buffer.toString('utf8', 0, bytesRead), modifiedAt: stat.mtimeMs }
  } finally {
    await file.close()
  }
}
