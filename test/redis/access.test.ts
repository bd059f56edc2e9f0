import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startRedis, type TlsFiles } from '../harness/redis.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import {
  collectLog,
  failureOf,
  open,
  openConnected,
  owned,
  PATIENCE,
  untilAnswered,
} from './bench.ts'
import { INCREMENT } from './scripts.ts'

vi.setConfig({ testTimeout: 60_000 })

const run = promisify(execFile)
const SECRET = 'S3CRET/with:odd@letters'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-access-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('users and passwords', () => {
  test('a user of an ACL comes in by the address, and by a file', async () => {
    const redis = owned(await startRedis({ user: { name: 'fleet', password: SECRET } }))
    const byUrl = await openConnected(redis.url)
    expect(await byUrl.run(INCREMENT, ['n'], [])).toBe(1)

    const file = join(makeFolder(), 'password')
    writeFileSync(file, `${SECRET}\n`)
    const url = `redis://fleet@127.0.0.1:${redis.port}?passwordFile=${file}`
    const byFile = await openConnected(url)
    expect(await byFile.run(INCREMENT, ['n'], [])).toBe(2)
    expect(byFile.address).toBe(`redis://127.0.0.1:${redis.port}`)
  })

  test('the default user comes in with a password alone', async () => {
    const redis = owned(await startRedis({ password: SECRET }))
    const data = await openConnected(`${redis.url}/1`)
    expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
  })

  test('a file that was changed counts at the next connection', async () => {
    const redis = owned(await startRedis({ password: 'old' }))
    const proxy = owned(await startTcpProxy(redis))
    const file = join(makeFolder(), 'password')
    writeFileSync(file, 'old')
    const data = await openConnected(`redis://127.0.0.1:${proxy.port}?passwordFile=${file}`)
    await redis.command('config', 'set', 'requirepass', 'new')
    writeFileSync(file, 'new')
    proxy.cut()
    await failureOf(data.run(INCREMENT, ['n'], []))
    await untilAnswered(() => data.run(INCREMENT, ['n'], []))
  })

  test.each([
    [
      'a wrong password',
      (port: number) => `redis://fleet:${encodeURIComponent(SECRET)}x@127.0.0.1:${port}`,
      'WRONGPASS',
    ],
    ['none at all', (port: number) => `redis://127.0.0.1:${port}`, 'NOAUTH'],
    [
      'a file that is not there',
      (port: number) => `redis://127.0.0.1:${port}?passwordFile=/no/such`,
      '/no/such (ENOENT)',
    ],
  ])('%s is told of, without the password', async (_, urlOf, reason) => {
    const redis = owned(await startRedis({ user: { name: 'fleet', password: SECRET } }))
    const { lines, log } = collectLog()
    const data = open(urlOf(redis.port), { log })
    await vi.waitFor(async () => {
      const error = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(error.message).toContain(reason)
      expect(everything(error)).not.toContain('S3CRET')
    }, PATIENCE)
    expect(lines.join('\n')).toContain(reason)
    expect(lines.join('\n')).not.toContain('S3CRET')
  })

  test('a server that quotes what it was sent does not make us tell the password', async () => {
    const redis = owned(
      await startRedis({ config: ['rename-command AUTH LOGIN', `requirepass ${SECRET}`] }),
    )
    const data = open(`redis://:${encodeURIComponent(SECRET)}@127.0.0.1:${redis.port}`)
    await vi.waitFor(async () => {
      const error = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(error.message).toMatch(/unknown command.*\[redacted\]/)
      expect(everything(error)).not.toContain('S3CRET')
    }, PATIENCE)
  })
})

describe('TLS', () => {
  let files: TlsFiles

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'acefleet-tls-'))
    files = await makeCertificate(folder)
    return () => rmSync(folder, { recursive: true, force: true })
  })

  test('comes in with a CA and a client certificate from files', async () => {
    const redis = owned(await startRedis({ tls: files, password: SECRET }))
    const data = await openConnected(redis.url)
    expect(await data.run(INCREMENT, ['n'], [])).toBe(1)
    expect(data.address).toBe(`rediss://127.0.0.1:${redis.port}`)
  })

  test('a server whose certificate nobody vouches for is refused', async () => {
    const redis = owned(await startRedis({ tls: files, config: ['tls-auth-clients no'] }))
    const data = open(`rediss://127.0.0.1:${redis.port}`)
    await vi.waitFor(async () => {
      const { message } = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(message).toMatch(/certificate/)
    }, PATIENCE)
  })

  test('a server that bears another name than the one asked for is refused', async () => {
    const redis = owned(await startRedis({ tls: files }))
    const data = open(`${redis.url}&servername=redis.example`)
    await vi.waitFor(async () => {
      const { message } = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(message).toMatch(/redis\.example/)
    }, PATIENCE)
  })

  test('a server that wants a client certificate, and gets none, is not reached', async () => {
    const redis = owned(await startRedis({ tls: files }))
    const data = open(`rediss://127.0.0.1:${redis.port}?ca=${files.ca}`)
    await vi.waitFor(async () => {
      const { message } = await failureOf(data.run(INCREMENT, ['n'], []))
      expect(message).not.toContain('first connection')
    }, PATIENCE)
  })
})

/** One for both sides, which vouches for itself. */
async function makeCertificate(folder: string): Promise<TlsFiles> {
  const cert = join(folder, 'cert.pem')
  const key = join(folder, 'key.pem')
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'],
    ...['-keyout', key, '-out', cert],
  ])
  return { ca: cert, cert, key }
}

/** All that a careless log could print of an error. */
function everything(error: Error): string {
  const seen: string[] = []
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    seen.push(String(each.stack), JSON.stringify(each, Object.getOwnPropertyNames(each)))
  }
  return seen.join('\n')
}
