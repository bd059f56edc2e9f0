import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { findCompose } from '../../deploy/setup/compose.ts'
import type { EngineView, FleetView } from '../../src/api/view.ts'
import { build, buildNodeBase, freePort, run } from '../harness/packaging.ts'
import { removeLabelled } from '../harness/standins.ts'
import { buildStandIns } from '../standins/build.ts'

const docker = new Docker()
const name = `t${process.pid}x900`
const instance = `test-${name}`
const image = `acefleet/test:${name}`
const base = `acefleet/test-node:${name}`
const folder = mkdtempSync(join(tmpdir(), 'acefleet-packaging-'))

beforeAll(async () => {
  await buildStandIns({ docker })
  const baseFolder = join(folder, 'base')
  mkdirSync(baseFolder)
  await buildNodeBase(base, baseFolder)
  await build(image, '.', '-f', 'deploy/Dockerfile', '--build-arg', `NODE_IMAGE=${base}`)
})

afterAll(async () => {
  for (const tag of [image, base]) {
    await docker
      .getImage(tag)
      .remove()
      .catch(() => {})
  }
  rmSync(folder, { recursive: true, force: true })
})

describe('the image', () => {
  test('is not root, tells its health, and keeps data in a volume that is its user’s', async () => {
    const { Config } = await docker.getImage(image).inspect()
    expect(Config.User).toBe('1000:1000')
    expect(Config.Healthcheck?.Test?.join(' ')).toContain('/healthz')
    const script = "fs.writeFileSync('/data/x', ''); console.log(process.getuid())"
    const written = await run([
      'docker',
      'run',
      '--rm',
      '--entrypoint',
      'node',
      image,
      '-e',
      script,
    ])
    expect(written.trim()).toBe('1000')
  })

  test('is small: production packages and sources without tests on top of its base', async () => {
    const list =
      "const all = fs.readdirSync('/app', {recursive: true}); console.log(JSON.stringify(all))"
    const files = JSON.parse(
      await run(['docker', 'run', '--rm', '--entrypoint', 'node', image, '-e', list]),
    ) as string[]
    expect(files).toContain('src/main.ts')
    expect(
      files.filter((file) => /^(?!node_modules).*\.test\.ts$|^(test|deploy|docs)\//.test(file)),
    ).toEqual([])
    expect(
      files.filter((file) => /node_modules\/(vitest|typescript|node-linux)/.test(file)),
    ).toEqual([])
    const own =
      (await docker.getImage(image).inspect()).Size - (await docker.getImage(base).inspect()).Size
    expect(own / 2 ** 20).toBeLessThan(60)
  })

  test('runs every command from its production packages alone', async () => {
    const specs = `${process.cwd()}/deploy/specs:/specs:ro`
    const said = await run(['docker', 'run', '--rm', '-v', specs, image, 'validate', '/specs'])
    expect(said).toContain('fleet "home" is valid')
  })
})

describe('the compose file', () => {
  const compose = findCompose()
  const specDir = join(folder, 'specs')
  const keyFile = join(folder, 'key')
  const files = ['-f', 'deploy/compose.yaml', '-f', 'test/integration/compose.standins.yaml']
  let env: Readonly<Record<string, string>>
  let url: string

  const call = (...args: string[]) => run([...(compose ?? []), '-p', name, ...files, ...args], env)

  async function list<Item>(path: string): Promise<readonly Item[]> {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) })
    return ((await answer.json()) as { items: readonly Item[] }).items
  }

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    mkdirSync(specDir)
    writeFileSync(join(specDir, 'home.yaml'), standInSpec())
    writeFileSync(keyFile, 'k3y', { mode: 0o644 })
    env = {
      ACEFLEET_IMAGE: image,
      ACEFLEET_PORT: String(port),
      DOCKER_GID: String(statSync('/var/run/docker.sock').gid),
      GLUETUN_API_KEY: 'k3y',
      GLUETUN_API_KEY_FILE: keyFile,
      GLUETUN_IMAGE: 'acefleet/standin-gluetun:dev',
      TEST_INSTANCE: instance,
      TEST_NAME: name,
      TEST_SPECS: specDir,
      WIREGUARD_PRIVATE_KEY_A: 'none',
      WIREGUARD_PRIVATE_KEY_B: 'none',
    }
    await call('up', '-d', '--no-build')
  })

  afterAll(async () => {
    await call('stop', 'acefleet').catch(() => {})
    await removeLabelled(docker, { 'acefleet.instance': instance })
    await call('down', '-v', '-t', '2')
  })

  /** The fleet of deploy/specs, with the stand-ins' names and image. */
  function standInSpec(): string {
    const spec = parse(readFileSync('deploy/specs/home.yaml', 'utf8'))
    spec.metadata.name = name
    Object.assign(spec.spec.engine, { image: 'acefleet/standin-engine:dev', pullPolicy: 'Never' })
    for (const node of spec.spec.vpn.nodes) node.name = node.name.replace('gluetun', name)
    return stringify(spec)
  }

  async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + 120_000
    let last: unknown
    while (Date.now() < deadline) {
      const found = await look().catch((error: unknown) => {
        last = error
      })
      if (found !== undefined) return found
      await sleep(250)
    }
    throw new Error(`${what}: ${last}\n${await call('logs', '--tail=40', 'acefleet')}`)
  }

  test('brings a fleet up behind both VPN nodes, with the key of their control servers (I10)', async () => {
    const engines = await until('the fleet converges', async () => {
      const [fleet] = await list<FleetView>('/v1/fleets')
      const isReady = fleet?.ready === 6 && fleet.conditions.every(({ type }) => type === 'Ready')
      return isReady ? await list<EngineView>('/v1/engines') : undefined
    })
    const nodes = await Promise.all(
      ['a', 'b'].map((letter) => docker.getContainer(`${name}-${letter}`).inspect()),
    )
    const inspected = await Promise.all(
      engines.map(({ containerId }) => docker.getContainer(containerId ?? '').inspect()),
    )
    const joined = Map.groupBy(inspected, ({ HostConfig }) => HostConfig.NetworkMode)
    expect([...joined.keys()].sort()).toEqual(nodes.map(({ Id }) => `container:${Id}`).sort())
    expect([...joined.values()].map((group) => group.length)).toEqual([3, 3])
    expect(engines.filter(({ forwarded }) => forwarded)).toHaveLength(1)
  })

  test('shows acefleet as healthy, and leaves its engines running when it goes', async () => {
    const id = (await call('ps', '-q', 'acefleet')).trim()
    await until('acefleet is healthy', async () => {
      const { State } = await docker.getContainer(id).inspect()
      return State.Health?.Status === 'healthy' || undefined
    })
    await call('stop', 'acefleet')
    const { State } = await docker.getContainer(id).inspect()
    expect(State.ExitCode).toBe(0)
    const label = [`acefleet.instance=${instance}`]
    expect(await docker.listContainers({ filters: { label } })).toHaveLength(6)
  })
})
