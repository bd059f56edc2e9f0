import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerDetail, ContainerId, DockerReader } from '../../docker/port.ts'
import type { ControlFailure, ControlReading } from '../../observe/observation.ts'
import { checkSpecs } from '../../spec/load.ts'
import { checkNode as checkNodeVersion } from './machine.ts'
import { checkHostPorts, checkImage, checkNames, checkNode, type World } from './world.ts'

const NODE_ID = 'a'.repeat(64) as ContainerId

function fleetOf(spec: string) {
  const text = `apiVersion: acefleet/v1\nkind: EngineFleet\nmetadata: {name: home}\nspec:\n${spec}`
  const { fleets, problems } = checkSpecs([{ file: 'home.yaml', text }])
  const [loaded] = fleets
  if (loaded === undefined) throw new Error(JSON.stringify(problems))
  return loaded.fleet
}

function container(name: string, more: Partial<ContainerDetail> = {}): ContainerDetail {
  return {
    id: name.padEnd(64, '0') as ContainerId,
    name,
    labels: {},
    state: 'running',
    networkMode: 'bridge',
    image: 'i',
    createdAt: 0,
    startedAt: 1,
    startedAtText: '1',
    finishedAt: 0,
    exitCode: 0,
    error: '',
    oomKilled: false,
    health: 'none',
    addresses: {},
    ...more,
  }
}

const READING: ControlReading = {
  kind: 'reading',
  status: 'running',
  publicIp: '198.51.100.7',
  publicIpEnabled: true,
  ports: [45_000],
  at: 0,
}

function worldOf(
  containers: readonly ContainerDetail[],
  options: { images?: readonly string[]; control?: ControlReading | ControlFailure } = {},
): World {
  const { images = [], control = READING } = options
  const docker: Partial<DockerReader> = {
    hasImage: async (image) => images.includes(image),
    inspect: async (id) => containers.find((each) => each.id === id) ?? container('none'),
  }
  return {
    docker: docker as DockerReader,
    containers,
    instance: 'default',
    readControl: async () => control,
    signal: new AbortController().signal,
  }
}

let taken: Server
let port: number

beforeEach(async () => {
  taken = createServer()
  await new Promise<void>((go) => taken.listen(0, '127.0.0.1', go))
  const address = taken.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})

afterEach(() => new Promise((go) => taken.close(go)))

const OURS = { 'acefleet.instance': 'default', 'acefleet.fleet': 'home' }

describe('images and names', () => {
  const fleet = fleetOf(
    '  replicas: 1\n  engine: {variant: krinkuto11-amd64, image: "e:1", pullPolicy: Never}\n' +
      '  vpn: {mode: none}\n  forwarding: {scope: none}\n',
  )

  it('fails on an image that is missing and may not be pulled', async () => {
    expect(await checkImage(worldOf([]), fleet)).toMatchObject([
      { verdict: 'fail', mend: 'docker pull e:1' },
    ])
    expect(await checkImage(worldOf([], { images: ['e:1'] }), fleet)).toMatchObject([
      { verdict: 'ok' },
    ])
  })

  it('names who holds a name of the fleet, and takes our own engines for ours', async () => {
    const foreign = container('home.0')
    const other = container('home.1', { labels: { ...OURS, 'acefleet.instance': 'x' } })
    const ours = container('home.2', { labels: OURS })
    expect(await checkNames(worldOf([foreign, other, ours]), fleet)).toMatchObject([
      { verdict: 'fail', mend: 'docker rename home.0 home.0-old' },
      { verdict: 'fail', mend: expect.stringContaining('--instance x') },
    ])
    expect(await checkNames(worldOf([ours]), fleet)).toMatchObject([{ verdict: 'ok' }])
  })
})

describe('host ports of mode none', () => {
  const fleet = () =>
    fleetOf(
      `  replicas: 1\n  engine: {variant: krinkuto11-amd64}\n  network: {ports: ${port}-${port + 9}}\n` +
        '  vpn: {mode: none}\n  forwarding: {scope: none}\n',
    )

  it('names a port that cannot be had, unless an engine of ours has it', async () => {
    const [finding] = await checkHostPorts(worldOf([]), fleet())
    expect(finding).toMatchObject({ verdict: 'fail' })
    expect(finding?.message).toContain(`${port} (EADDRINUSE)`)
    const labels = { ...OURS, 'acestream.http_port': String(port) }
    const [mine] = await checkHostPorts(worldOf([container('home.0', { labels })]), fleet())
    expect(mine?.message).not.toContain(`${port} (`)
  })
})

describe('VPN nodes', () => {
  const fleet = () =>
    fleetOf(
      '  replicas: 1\n  engine: {variant: krinkuto11-amd64}\n' +
        `  vpn: {mode: single, nodes: [{name: gluetun-a, ports: ${port}-${port + 9}}]}\n`,
    )
  const node = () => fleet().vpn.nodes[0]
  const look = (world: World) => {
    const first = node()
    if (first === undefined) throw new Error('no node')
    return checkNode(world, fleet(), first)
  }
  const gluetun = container('gluetun-a', { id: NODE_ID, addresses: { bridge: '127.0.0.1' } })
  const joined = `container:${NODE_ID}`

  it('fails on a container that is missing or stopped, with what starts it', async () => {
    expect(await look(worldOf([]))).toMatchObject([
      { verdict: 'fail', message: 'there is no container named gluetun-a' },
    ])
    expect(await look(worldOf([{ ...gluetun, state: 'exited' }]))).toMatchObject([
      { verdict: 'fail', mend: 'docker start gluetun-a' },
    ])
  })

  it('passes on what the control server refuses, and still looks at the ports', async () => {
    const control: ControlFailure = { kind: 'refused', message: 'key refused', at: 0 }
    const findings = await look(worldOf([gluetun], { control }))
    expect(findings).toMatchObject([
      { verdict: 'ok' },
      { check: 'control of gluetun-a', verdict: 'fail', message: 'key refused' },
      { check: 'ports of gluetun-a', verdict: 'fail', message: expect.stringContaining(`${port}`) },
    ])
  })

  it('does not mistake an engine of ours for a clash', async () => {
    const labels = { ...OURS, 'acestream.http_port': String(port) }
    const ours = container('home.forwarded', { labels, networkMode: joined })
    const findings = await look(worldOf([gluetun, ours]))
    expect(findings.map((each) => each.verdict)).toEqual(['ok', 'ok', 'ok'])
  })

  it('reports foreign containers in the namespace, and how a forwarded one is removed (I8)', async () => {
    const foreign = container('stray', { networkMode: joined })
    const labels = { 'acestream.forwarded': 'true' }
    const forwarded = container('stray-forwarded', { networkMode: joined, labels })
    expect(await look(worldOf([gluetun, foreign, forwarded]))).toMatchObject([
      { verdict: 'ok' },
      { verdict: 'ok' },
      { verdict: 'warn', message: expect.stringContaining('container stray shares') },
      { verdict: 'fail', mend: 'docker rm -f stray-forwarded' },
      { verdict: 'fail' },
    ])
  })
})

describe('the Node version', () => {
  it.each([
    ['v20.20.2', 'fail'],
    ['v22.22.0', 'fail'],
    ['v23.11.0', 'fail'],
    ['v24.0.0', 'ok'],
    ['v26.0.0', 'ok'],
  ])('%s is %s', (version, verdict) => {
    expect(checkNodeVersion(version).verdict).toBe(verdict)
  })
})
