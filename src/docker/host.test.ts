import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DockerHostInvalid } from './errors.ts'
import { resolveDockerHost } from './host.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'acefleet-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function write(path: string, text: string): void {
  const file = join(home, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
}

function writeContext(name: string, host: string, tls: Readonly<Record<string, string>> = {}) {
  const folder = createHash('sha256').update(name).digest('hex')
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host } } }
  write(`.docker/contexts/meta/${folder}/meta.json`, JSON.stringify(meta))
  for (const [file, text] of Object.entries(tls)) {
    write(`.docker/contexts/tls/${folder}/docker/${file}`, text)
  }
}

const addressOf = (env: Record<string, string> = {}, url?: string) =>
  resolveDockerHost({ env, home, url }).address

describe('the Docker host', () => {
  it('is the local socket unless something else is said', () => {
    expect(addressOf()).toBe('unix:///var/run/docker.sock')
    expect(addressOf({ DOCKER_HOST: '' })).toBe('unix:///var/run/docker.sock')
    expect(addressOf({ DOCKER_HOST: 'unix://' })).toBe('unix:///var/run/docker.sock')
  })

  it('is taken from the flag, DOCKER_HOST, DOCKER_CONTEXT and the current context, in this order', () => {
    writeContext('home', 'tcp://context.example:1')
    writeContext('work', 'unix:///run/work.sock')
    write('.docker/config.json', JSON.stringify({ currentContext: 'work', auths: {} }))
    const env = { DOCKER_CONTEXT: 'home', DOCKER_HOST: 'tcp://env.example:2' }
    expect(addressOf(env, 'unix:///flag.sock')).toBe('unix:///flag.sock')
    expect(addressOf(env)).toBe('tcp://env.example:2')
    expect(addressOf({ DOCKER_CONTEXT: 'home' })).toBe('tcp://context.example:1')
    expect(addressOf()).toBe('unix:///run/work.sock')
    expect(addressOf({ DOCKER_CONTEXT: 'default' })).toBe('unix:///var/run/docker.sock')
  })

  it('is looked for in DOCKER_CONFIG', () => {
    write('elsewhere/config.json', JSON.stringify({ currentContext: 'default' }))
    write('.docker/config.json', JSON.stringify({ currentContext: 'gone' }))
    expect(addressOf({ DOCKER_CONFIG: join(home, 'elsewhere') })).toBe(
      'unix:///var/run/docker.sock',
    )
    expect(() => addressOf()).toThrow('"gone" is not there')
  })

  it.each([
    ['tcp://10.0.0.5', 'tcp://10.0.0.5:2375'],
    ['10.0.0.5:4000', 'tcp://10.0.0.5:4000'],
    ['http://10.0.0.5:4000/', 'tcp://10.0.0.5:4000'],
    ['https://docker.example', 'https://docker.example:2376'],
    ['tcp://[::1]:2375', 'tcp://[::1]:2375'],
    ['tcp://me:secret@10.0.0.5:4000', 'tcp://10.0.0.5:4000'],
  ])('reads %s as %s', (text, address) => {
    expect(addressOf({ DOCKER_HOST: text })).toBe(address)
  })

  it.each([
    ['ssh://me:secret@host', 'forward the socket'],
    ['npipe:////./pipe/docker', 'it should be unix:///'],
    ['tcp://', 'it should be unix:///'],
    ['tcp://host:99999', 'it should be unix:///'],
    ['tcp://host/path', 'not supported'],
  ])('refuses %s and says what would be right', (text, hint) => {
    const resolve = () => addressOf({ DOCKER_HOST: text })
    expect(resolve).toThrow(DockerHostInvalid)
    expect(resolve).toThrow(hint)
    expect(resolve).not.toThrow('secret')
  })

  it('is reached by TLS with the files of DOCKER_CERT_PATH when DOCKER_TLS_VERIFY is set', () => {
    for (const file of ['ca', 'cert', 'key']) write(`certs/${file}.pem`, file)
    const env = { DOCKER_HOST: 'tcp://10.0.0.5', DOCKER_CERT_PATH: join(home, 'certs') }
    expect(resolveDockerHost({ home, env }).tls).toBeUndefined()
    const { address, tls } = resolveDockerHost({ home, env: { ...env, DOCKER_TLS_VERIFY: '1' } })
    expect(address).toBe('https://10.0.0.5:2376')
    expect(tls).toMatchObject({ verifies: true })
    expect(tls?.key?.toString()).toBe('key')
  })

  it('names the TLS file that is missing', () => {
    const env = { DOCKER_HOST: 'tcp://10.0.0.5', DOCKER_TLS_VERIFY: '1' }
    expect(() => resolveDockerHost({ home, env })).toThrow(join(home, '.docker/ca.pem'))
  })

  it('brings its TLS files with its context', () => {
    writeContext('far', 'tcp://far.example:2376', { 'ca.pem': 'authority' })
    const { tls } = resolveDockerHost({ home, env: { DOCKER_CONTEXT: 'far' } })
    expect(tls?.ca?.toString()).toBe('authority')
    expect(tls).toMatchObject({ cert: undefined, key: undefined, verifies: true })
  })

  it.each(['{', '[]', '{"currentContext": 5}'])('refuses a broken config.json: %s', (text) => {
    write('.docker/config.json', text)
    expect(() => addressOf()).toThrow('config.json is not as the docker client writes it')
  })
})
