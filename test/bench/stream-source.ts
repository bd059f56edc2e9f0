import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** As often as the gateway writes, ms. */
const EVERY_MS = 20

/** Sends as many bits a second as its parent says to whoever connects: what a 1:1 proxy is put before. */
function serve(bitrate: number): Promise<number> {
  const readers = new Set<ServerResponse>()
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'video/mp2t', Connection: 'close' })
    readers.add(res)
    res.on('close', () => readers.delete(res))
  })
  let sentAt = performance.now()
  setInterval(() => {
    const now = performance.now()
    const bytes = Math.floor(((now - sentAt) * bitrate) / 8_000 / 188) * 188
    sentAt = now
    const piece = Buffer.alloc(bytes, 0x47)
    for (const res of readers) if (!res.writableNeedDrain) res.write(piece)
  }, EVERY_MS)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

process.once('message', (bitrate: number) => {
  void serve(bitrate).then((port) => process.send?.(port))
})
process.once('disconnect', () => process.exit())
