import { randomBytes } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineSettings, makeRig, type Rig, type SpecBody, tunnelled } from '../harness/acefleet.ts'
import { type DockerProxy, startDockerProxy } from '../harness/docker-proxy.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

const KEY = `secret-${randomBytes(12).toString('hex')}`

/** Root may open any socket; without these it may not, as the user who starts acefleet for the first time. */
const UNPRIVILEGED =
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--inh-caps', '-all']
    : []

let rig: Rig
let proxy: DockerProxy
let witness: Witness
let missingImage = ''

beforeAll(async () => {
  rig = await makeRig()
  proxy = await startDockerProxy({ listens: false })
  const { docker, instance, fleet } = rig
  missingImage = `localhost:9/${fleet}:1`
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.docker
    .getImage(missingImage)
    .remove()
    .catch(() => {})
  await rig?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
})

const keyFile = () => join(dirname(rig.specDir), 'key')

/** The fleet on both nodes, each asked with the key. */
function keyed(more: SpecBody = {}): SpecBody {
  const { vpn, ...rest } = tunnelled(rig) as { vpn: { nodes: readonly object[] } }
  const nodes = vpn.nodes.map((node) => ({ ...node, control: { apiKeyFile: keyFile() } }))
  return { ...rest, vpn: { ...vpn, nodes }, ...more }
}

const withImage = (pullPolicy: string, image = missingImage) =>
  keyed({ engine: engineSettings(rig, { image, pullPolicy }) })

async function condition(type: string) {
  return (await rig.fleetView()).conditions.find((c) => c.type === type && c.status === 'True')
}

/** Waits for a condition whose message is about this. */
async function told(type: string, about: RegExp | string): Promise<string> {
  return await rig.until(`${type} tells of ${about}`, async () => {
    const message = (await condition(type))?.message ?? ''
    return message.match(about) !== null && message
  })
}

async function conditionGone(type: string): Promise<void> {
  await rig.until(`${type} is gone`, async () => !(await condition(type)))
}

/** A container of somebody else's that bears a name; it never runs. */
async function foreign(name: string) {
  const { docker, images, instance } = rig
  const container = await docker.createContainer({
    name,
    Image: images.engine,
    Labels: { 'acefleet.test': instance },
  })
  return { remove: () => container.remove() }
}

async function ordinaryIds(): Promise<readonly string[]> {
  return (await rig.engines()).flatMap((e) => (e.forwarded ? [] : (e.containerId ?? [])))
}

async function replaced(id: string | undefined): Promise<void> {
  await rig.until('it is replaced', async () =>
    (await rig.engines()).every((engine) => engine.containerId !== id),
  )
  await rig.converged(4)
}

describe('what a fleet needs and does not find', () => {
  test('no daemon: the process stays up and says what to do', async () => {
    await rig.edit(tunnelled(rig))
    await rig.start({ env: { DOCKER_HOST: proxy.url }, prefix: UNPRIVILEGED })
    const message = await told('DockerUnreachable', 'there is no such socket')
    expect(message).toContain(proxy.socket)
    expect(message).toContain('systemctl start docker')
    expect(await rig.log()).toMatch(/"level":"warn".*"TermNotOpened".*there is no such socket/)
    await expect(rig.get('/readyz')).rejects.toThrow(/503 .*there is no such socket/)
    await rig.get('/healthz')
  })

  test('no permission on the socket: it says who may', async () => {
    await proxy.heal()
    await chmod(proxy.socket, 0o000)
    expect(await told('DockerUnreachable', 'permission denied')).toContain('docker group')
  })

  test('no VPN container: it names those that are missing, and creates nothing', async () => {
    await chmod(proxy.socket, 0o600)
    for (const letter of ['a', 'b'])
      await told('VpnNotReady', `No container is named ${rig.nodeName(letter)}: start Gluetun`)
    await told('NoVpnReady', /4 more engines are wanted, but no VPN node takes any/)
    expect(await condition('DockerUnreachable')).toBeUndefined()
    expect(await rig.engines()).toEqual([])
  })

  test('no key for the control server: it says which lines let it in', async () => {
    await rig.addNode('a', { apiKey: KEY })
    await rig.addNode('b', { apiKey: KEY })
    const message = await told('VpnControlRefused', rig.nodeName('b'))
    expect(message).toContain('refuses GET /v1/vpn/status to a request without a key')
    expect(message).toContain('control.apiKeyFile')
    expect(message).toContain('/gluetun/auth/config.toml')
    expect(message).toContain(
      [
        '[[roles]]',
        'name = "acefleet"',
        'routes = ["GET /v1/vpn/status", "PUT /v1/vpn/status", "GET /v1/portforward", "GET /v1/publicip/ip", "GET /v1/version"]',
        'auth = "apikey"',
      ].join('\n'),
    )
    await rig.until('the log says so', async () => /VpnControlRefused: /.test(await rig.log()))
    expect(await rig.engines()).toEqual([])
  })

  test('no key file, then no image: it says which, and how to bring them', async () => {
    await rig.edit(withImage('Never'))
    await told('VpnControlRefused', `The API key file ${keyFile()} cannot be read`)
    await writeFile(keyFile(), `${KEY}\n`)
    await conditionGone('VpnControlRefused')
    expect(await told('ImageMissing', 'pullPolicy is Never')).toContain(
      `docker pull ${missingImage}`,
    )
    const events = await rig.events()
    expect(events.find((event) => event.reason === 'ImagePullFailed')?.message).toContain(
      missingImage,
    )
  })

  test('no registry: it says why it can not pull, and goes on when somebody brings the image', async () => {
    await rig.edit(withImage('IfNotPresent'))
    await told('ImageMissing', /cannot be had: .*localhost:9.*correct spec\.engine\.image/)
    expect(await rig.engines()).toEqual([])
    await rig.docker.getImage(rig.images.engine).tag({ repo: `localhost:9/${rig.fleet}`, tag: '1' })
    await rig.converged(4)
    expect(await condition('ImageMissing')).toBeUndefined()
  })

  test('no image for an edit: no engine is let go for a successor that can not come', async () => {
    const before = (await rig.engines()).map((engine) => engine.containerId).sort()
    await rig.edit({
      ...withImage('Never', 'localhost:9/nobody-has-this:1'),
      update: { maxSurge: 0, maxUnavailable: 1 },
    })
    await told('ImageMissing', 'nobody-has-this')
    // Long enough for a drain, a stop and a removal, had one been begun.
    await sleep(2_000)
    const after = await rig.engines()
    expect(after.map((engine) => engine.containerId).sort()).toEqual(before)
    expect(after.every((engine) => engine.ready)).toBe(true)
  })
})

describe('names that somebody else holds', () => {
  test('cost no engine: their slots stay empty, the fleet is complete all the same', async () => {
    await rig.edit(keyed({ replicas: 0 }))
    await rig.converged(0)
    const names = ['0', 'forwarded'].map((slot) => `${rig.fleet}.${slot}`)
    const strangers = await Promise.all(names.map(foreign))
    await rig.edit(keyed())
    const message = await told('NameConflict', `${rig.fleet}.forwarded is not ours`)
    expect(message).toContain(`${rig.fleet}.0 is not ours`)
    const engines = await rig.converged(4)
    expect(engines.map((engine) => engine.slot)).toEqual(['1', '2', '3', '4'])
    expect(await told('NoForwardedPort', 'is held by a container that is not ours')).toContain(
      `${rig.fleet}.forwarded`,
    )
    await Promise.all(strangers.map((stranger) => stranger.remove()))
    await rig.until('the forwarded engine comes', async () =>
      (await rig.converged(4)).some((engine) => engine.forwarded),
    )
    expect(await condition('NameConflict')).toBeUndefined()
  })
})

describe('somebody at the docker command line', () => {
  test('who removes an engine by force has it replaced', async () => {
    const [id = ''] = await ordinaryIds()
    await rig.docker.getContainer(id).remove({ force: true })
    await replaced(id)
  })

  test('who renames an engine has it replaced by one that bears its name (I2)', async () => {
    const [, id = ''] = await ordinaryIds()
    await rig.docker.getContainer(id).rename({ name: `${rig.fleet}-mine` })
    await replaced(id)
  })

  test('who pauses an engine has it replaced as one that hangs', async () => {
    const [, , id = ''] = await ordinaryIds()
    await rig.docker.getContainer(id).pause()
    await replaced(id)
  })

  test('who renames the forwarded engine never sees two of them (I1)', async () => {
    const forwarded = (await rig.engines()).find((engine) => engine.forwarded)
    const id = forwarded?.containerId ?? ''
    await rig.docker.getContainer(id).rename({ name: `${rig.fleet}-mine` })
    await replaced(id)
    expect((await rig.engines()).filter((engine) => engine.forwarded)).toHaveLength(1)
  })
})

interface LogLine {
  readonly level: string
  readonly msg: string
  readonly reason?: string
  readonly [key: string]: unknown
}

async function logLines(): Promise<readonly LogLine[]> {
  const lines = (await rig.log()).split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as LogLine)
}

describe('the log', () => {
  test('tells each change of a rollout in one line, and nothing that changed nothing', async () => {
    await witness.caughtUp()
    const from = { log: (await logLines()).length, world: witness.events.length }
    await rig.edit(keyed({ engine: engineSettings(rig, { env: { TOKEN: KEY } }) }))
    await rig.converged(4)
    for (const request of ['cordon', 'uncordon'])
      await rig.post(`/v1/vpns/${rig.nodeName('a')}/${request}`)
    await witness.caughtUp()

    const world = witness.events.slice(from.world)
    const count = (action: string) => world.filter((event) => event.startsWith(`${action} `)).length
    const info = (await logLines()).slice(from.log).filter((line) => line.level === 'info')
    const lines = (pattern: RegExp) => info.filter((line) => pattern.test(line.msg))
    const name = `^${rig.fleet}\\.\\w+`
    const changes = {
      create: lines(new RegExp(`${name} created on `)),
      start: lines(new RegExp(`${name} started on `)),
      die: lines(new RegExp(`${name} stopped: `)),
      destroy: lines(new RegExp(`${name} removed$`)),
    }
    for (const [action, told_] of Object.entries(changes)) {
      expect(told_.length, action).toBe(count(action))
      expect(told_.length, action).toBeGreaterThanOrEqual(4)
      for (const line of told_)
        expect(line).toMatchObject({
          fleet: rig.fleet,
          slot: expect.stringMatching(/^(\d+|forwarded)$/),
          vpn: expect.stringMatching(/-[ab]$/),
          epoch: expect.any(Number),
          reconcileId: expect.stringMatching(/^.{8}$/),
          reason: expect.stringMatching(/^[A-Z][A-Za-z]+$/),
        })
    }
    // Every line at info is an event with a reason; passes and requests are told at debug only.
    expect(info.filter((line) => line.reason === undefined)).toEqual([])
    const debug = (await logLines()).slice(from.log).filter((line) => line.level === 'debug')
    expect(debug.length).toBeGreaterThan(0)
  })

  test('holds no secret, nor does anything else that can be read', async () => {
    expect(await rig.log()).not.toContain(KEY)
    const paths = [`/v1/engines`, `/v1/vpns`, `/v1/events?limit=1000`, `/v1/fleets`]
    for (const path of paths) expect(JSON.stringify(await rig.get(path))).not.toContain(KEY)
  })
})

describe('a disk', () => {
  test('that is full under --data stops no engine, is told of, and is recovered from', async () => {
    const before = (await rig.engines()).map((engine) => engine.containerId).sort()
    await rig.end()
    const mount = `mount -t tmpfs -o size=2m tmpfs ${rig.dataDir}`
    const unshare = ['unshare', process.getuid?.() === 0 ? '-m' : '-rm']
    await rig.start({
      env: { DOCKER_HOST: proxy.url },
      prefix: [...unshare, 'sh', '-ec', `${mount}\nexec "$@"`, 'sh'],
    })
    await rig.converged(4)
    // The process's own view of the directory: the mount is in its namespace only.
    const filler = `/proc/${rig.pid()}/root${rig.dataDir}/filler`
    await writeFile(filler, Buffer.alloc(4 << 20)).catch((error: NodeJS.ErrnoException) => {
      expect(error.code).toBe('ENOSPC')
    })
    const path = `/v1/vpns/${rig.nodeName('a')}/cordon`
    await rig.until('requests are refused', async () => (await rig.post(path)).status === 503)
    const answer = await rig.post(path)
    expect(JSON.stringify(answer.body)).toMatch(
      /the disk under .*store\.db is full: free some space/,
    )
    const [victim = ''] = await ordinaryIds()
    await rig.docker.getContainer(victim).kill()
    expect(await told('StoreUnavailable', 'is full')).toContain('acefleet goes on by itself')
    await expect(rig.get('/readyz')).rejects.toThrow(/503 .*is full/)
    expect(await rig.log()).toMatch(/"level":"warn".*"StoreUnavailable".*is full/)
    const survivors = before.filter((id) => id !== victim)
    for (const id of survivors) {
      const { State } = await rig.docker.getContainer(id ?? '').inspect()
      expect(State.Running).toBe(true)
    }
    await rm(filler)
    await replaced(victim)
    expect(await condition('StoreUnavailable')).toBeUndefined()
    expect((await rig.engines()).map((engine) => engine.containerId)).toEqual(
      expect.arrayContaining(survivors),
    )
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
