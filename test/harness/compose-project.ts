import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { parse, stringify } from 'yaml'
import { findCompose } from '../../deploy/setup/compose.ts'
import { run } from './packaging.ts'
import { removeLabelled } from './standins.ts'

/** Long enough for three replicas on a machine that runs three other things. */
const PATIENCE_MS = 120_000

export interface ComposeOptions {
  readonly docker: Docker
  /** Also the fleet's name; `<name>-a` and `<name>-b` are its VPN nodes. */
  readonly name: string
  /** Compose files, in order. */
  readonly files: readonly string[]
  /** The services that run acefleet: ended before their engines are removed. */
  readonly controllers: readonly string[]
  /** Variables of the files beside those that all of them have. */
  readonly env: Readonly<Record<string, string>>
}

/** A Compose file of deploy/ with stand-ins for what comes from a registry. Disposed: all of it is gone, engines included. */
export interface ComposeProject extends AsyncDisposable {
  /** The label of its engines. */
  readonly instance: string
  call(...args: readonly string[]): Promise<string>
  /** The full id of a service's container. */
  containerOf(service: string): Promise<string>
  /** Repeats until something is found; fails with the last error and the controllers' last words. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>
}

/** The fleet of deploy/specs, with the stand-ins' names and image. */
function standInSpec(name: string): string {
  const spec = parse(readFileSync('deploy/specs/home.yaml', 'utf8'))
  spec.metadata.name = name
  Object.assign(spec.spec.engine, { image: 'acefleet/standin-engine:dev', pullPolicy: 'Never' })
  for (const node of spec.spec.vpn.nodes) node.name = node.name.replace('gluetun', name)
  return stringify(spec)
}

/** Files as a user of deploy/ has them. */
function writeInputs(folder: string, name: string): Readonly<Record<string, string>> {
  const specDir = join(folder, 'specs')
  const keyFile = join(folder, 'key')
  const passwordFile = join(folder, 'redis-password')
  mkdirSync(specDir)
  writeFileSync(join(specDir, 'home.yaml'), standInSpec(name))
  writeFileSync(keyFile, 'k3y', { mode: 0o644 })
  writeFileSync(passwordFile, 'Pa55word\n', { mode: 0o644 })
  return {
    DOCKER_GID: String(statSync('/var/run/docker.sock').gid),
    GLUETUN_API_KEY: 'k3y',
    GLUETUN_API_KEY_FILE: keyFile,
    GLUETUN_IMAGE: 'acefleet/standin-gluetun:dev',
    REDIS_PASSWORD_FILE: passwordFile,
    TEST_SPECS: specDir,
    WIREGUARD_PRIVATE_KEY_A: 'none',
    WIREGUARD_PRIVATE_KEY_B: 'none',
  }
}

/** Brings a project up. */
export async function composeUp(options: ComposeOptions): Promise<ComposeProject> {
  const { docker, name, controllers } = options
  const instance = `test-${name}`
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-compose-'))
  const names = { TEST_INSTANCE: instance, TEST_NAME: name }
  const env = { ...writeInputs(folder, name), ...names, ...options.env }
  const files = options.files.flatMap((file) => ['-f', file])
  const call = (...args: readonly string[]) =>
    run([...(findCompose() ?? []), '-p', name, ...files, ...args], env)

  const project: ComposeProject = {
    instance,
    call,
    containerOf: async (service) => (await call('ps', '-q', service)).trim(),
    async until(what, look) {
      const deadline = Date.now() + PATIENCE_MS
      let last: unknown = 'it was never so'
      while (Date.now() < deadline) {
        const found = await look().catch((error: unknown) => {
          last = error
        })
        if (found !== undefined) return found
        await sleep(250)
      }
      throw new Error(`${what}: ${last}\n${await call('logs', '--tail=40', ...controllers)}`)
    },
    async [Symbol.asyncDispose]() {
      await call('stop', ...controllers).catch(() => {})
      await removeLabelled(docker, { 'acefleet.instance': instance })
      await call('down', '-v', '-t', '2')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    await call('up', '-d', '--no-build')
    return project
  } catch (error) {
    await project[Symbol.asyncDispose]()
    throw error
  }
}
