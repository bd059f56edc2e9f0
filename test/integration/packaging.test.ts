import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineView, FleetView } from '../../src/api/view.ts'
import { type ComposeProject, composeUp } from '../harness/compose-project.ts'
import { buildAcefleet, freePort, run } from '../harness/packaging.ts'
import { buildStandIns } from '../standins/build.ts'

const docker = new Docker()
const name = `t${process.pid}x900`
let image: string
let base: string

beforeAll(async () => {
  await buildStandIns({ docker })
  const built = await buildAcefleet(docker)
  image = built.image
  base = built.base
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
  let project: ComposeProject
  let url: string

  async function list<Item>(path: string): Promise<readonly Item[]> {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) })
    return ((await answer.json()) as { items: readonly Item[] }).items
  }

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    project = await composeUp({
      docker,
      name,
      files: ['deploy/compose.yaml', 'test/integration/compose.standins.yaml'],
      controllers: ['acefleet'],
      env: { ACEFLEET_IMAGE: image, ACEFLEET_PORT: String(port) },
    })
  })

  afterAll(async () => {
    await project?.[Symbol.asyncDispose]()
  })

  test('brings a fleet up behind both VPN nodes, with the key of their control servers (I10)', async () => {
    const engines = await project.until('the fleet converges', async () => {
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
    const id = await project.containerOf('acefleet')
    await project.until('acefleet is healthy', async () => {
      const { State } = await docker.getContainer(id).inspect()
      return State.Health?.Status === 'healthy' || undefined
    })
    await project.call('stop', 'acefleet')
    const { State } = await docker.getContainer(id).inspect()
    expect(State.ExitCode).toBe(0)
    const label = [`acefleet.instance=${project.instance}`]
    expect(await docker.listContainers({ filters: { label } })).toHaveLength(6)
  })
})
