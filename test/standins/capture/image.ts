import { readFileSync } from 'node:fs'
import type Docker from 'dockerode'
import { ensureImages } from '../build.ts'
import { collectRoot, fingerprint, programOf } from '../image/node-root.ts'
import type { TarEntry } from '../image/tar.ts'

const tag = 'acefleet/standin-capture:dev'

/** Builds an image of this machine's own tcpdump, and returns its tag. */
export async function buildCaptureImage(docker: Docker): Promise<string> {
  const from = programOf('tcpdump', 'Debian has it in the package tcpdump')
  const root = await collectRoot([{ path: 'usr/bin/tcpdump', from }])
  const content = readFileSync(new URL('./Dockerfile', import.meta.url))
  const file: TarEntry = { path: 'Dockerfile', mode: 0o644, content }
  const context = async () => [
    file,
    ...root.map((entry) => ({ ...entry, path: `root/${entry.path}` })),
  ]
  await ensureImages(docker, [{ tag, hash: fingerprint([file, ...root]), context }])
  return tag
}
