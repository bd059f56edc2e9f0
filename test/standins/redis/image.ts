import { readFileSync } from 'node:fs'
import type Docker from 'dockerode'
import { ensureImages } from '../build.ts'
import { collectRoot, fingerprint, programOf, type TextFile } from '../image/node-root.ts'
import type { TarEntry } from '../image/tar.ts'

const tag = 'acefleet/standin-redis:dev'

/** The user that Docker Hub's image runs Redis as, by the same number. */
const etc: readonly TextFile[] = [
  ['etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\nredis:x:999:999:redis:/data:/sbin/nologin\n'],
  ['etc/group', 'root:x:0:\nredis:x:999:\n'],
  ['etc/nsswitch.conf', 'hosts: files dns\n'],
]

/** Builds what stands in for Docker Hub's image of Redis, from this machine's own redis-server, and returns its tag. */
export async function buildRedisImage(docker: Docker): Promise<string> {
  const purpose = 'Debian has it in the packages redis-server and redis-tools'
  const program = (name: string, from = name) => ({
    path: `usr/bin/${name}`,
    from: programOf(from, purpose),
  })
  const root = await collectRoot(
    [program('redis-server'), program('redis-cli'), program('sh', 'bash')],
    etc,
  )
  // Archives have no owners, and a volume takes its folder's mode from the image.
  const data: TarEntry = { path: 'data', mode: 0o1777, isDirectory: true }
  const content = readFileSync(new URL('./Dockerfile', import.meta.url))
  const file: TarEntry = { path: 'Dockerfile', mode: 0o644, content }
  const entries = [...root, data]
  const context = async () => [
    file,
    ...entries.map((entry) => ({ ...entry, path: `root/${entry.path}` })),
  ]
  await ensureImages(docker, [{ tag, hash: fingerprint([file, ...entries]), context }])
  return tag
}
