import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { cli } from '../cli/run-cli.ts'
import { engineSettings, makeRig, type Rig, type SpecBody } from '../harness/acefleet.ts'

let rig: Rig

beforeAll(async () => {
  rig = await makeRig()
})

afterAll(() => rig?.[Symbol.asyncDispose]())

/** One engine without a VPN, on ports that no other test publishes. */
function lone(more: SpecBody = {}): SpecBody {
  return {
    replicas: 1,
    engine: engineSettings(rig),
    network: { ports: '21300-21319' },
    vpn: { mode: 'none' },
    ...more,
  }
}

const document = (name: string, spec: SpecBody) =>
  stringify({ apiVersion: 'acefleet/v1', kind: 'EngineFleet', metadata: { name }, spec })

const file = (name = 'fleet.yaml') => join(rig.specDir, name)

/** As an editor saves. */
async function save(text: string, name?: string): Promise<void> {
  await writeFile(`${file(name)}.new`, text)
  await rename(`${file(name)}.new`, file(name))
}

async function condition(type: string) {
  return (await rig.fleetView()).conditions.find((c) => c.type === type && c.status === 'True')
}

async function conditionGone(type: string): Promise<void> {
  await rig.until(`${type} is gone`, async () => !(await condition(type)))
}

async function engineId(): Promise<string> {
  return (await rig.converged(1))[0]?.containerId ?? ''
}

async function readyReasons(): Promise<string> {
  return await rig.get('/readyz').then(
    () => '',
    (error: unknown) => String(error),
  )
}

describe('specs that are not there', () => {
  test('are waited for, told of, and picked up when they appear', async () => {
    await rig.start()
    await rig.until('it says so', async () => /holds no \*\.yaml/.test(await readyReasons()))
    expect(await rig.log()).toMatch(/"level":"warn".*"NoFleet".*no fleet is declared in /)
    await rig.get('/healthz')
    await rig.edit(lone())
    await rig.converged(1)
    // A folder that had no file is believed to have one only after it has stood still.
    await rig.until('it is ready', async () => (await readyReasons()) === '')
  })
})

describe('a bad edit', () => {
  test('replaces nothing, and names every mistake by line and column', async () => {
    const id = await engineId()
    const { generation } = await rig.fleetView()
    const good = await readFile(file(), 'utf8')
    await save(good.replace('replicas: 1', 'replicas: many').replace('21300-21319', '21300-21300'))
    const invalid = await rig.until('it says so', () => condition('SpecInvalid'))
    expect(invalid.message).toContain(`the fleet goes on with generation ${generation}`)
    expect(invalid.message).toMatch(/fleet\.yaml:\d+:\d+: spec\.replicas: .*many/)
    const refused = (await rig.events()).filter((event) => event.reason === 'SpecRefused')
    expect(refused.length).toBeGreaterThan(0)
    await save(good.replace('replicas: 1', 'replicas: 30'))
    await rig.until('the range is too small', async () =>
      (await condition('SpecInvalid'))?.message.match(/spec\.network\.ports.*30/),
    )
    await save(good)
    await conditionGone('SpecInvalid')
    expect(await engineId()).toBe(id)
  })

  test.for<[string, string, () => SpecBody, RegExp]>([
    ['overlapping ports', 'other', () => lone(), /overlaps 21300-21319/],
    ['the name of a fleet that runs', '', () => lone({ replicas: 2 }), /as the fleet in/],
  ])('that claims %s is refused, and the fleet runs on', async ([, suffix, spec, message]) => {
    const id = await engineId()
    await save(document(`${rig.fleet}${suffix}`, spec()), 'second.yaml')
    await rig.until('it says so', async () => message.test(await readyReasons()))
    expect(await rig.log()).toMatch(message)
    await rm(file('second.yaml'))
    await rig.until('it is forgotten', async () => (await readyReasons()) === '')
    expect(await engineId()).toBe(id)
  })

  test('by which two fleets claim one VPN node is refused on both sides', async () => {
    const onNode = (ports: string) => ({
      replicas: 1,
      vpn: { mode: 'single', nodes: [{ name: `${rig.fleet}-shared`, ports }] },
    })
    const two = ['x', 'y'].map((suffix, i) =>
      document(`${rig.fleet}${suffix}`, onNode(`${22_000 + 100 * i}-${22_099 + 100 * i}`)),
    )
    await save(two.join('---\n'), 'second.yaml')
    const reasons = await rig.until('it says so', async () => {
      const text = await readyReasons()
      return /a VPN node belongs to one fleet/.test(text) && text
    })
    expect(reasons.match(/second\.yaml:\d+:\d+: spec\.vpn\.nodes\[0\]\.name/g)).toHaveLength(2)
    await rm(file('second.yaml'))
    await rig.until('it is forgotten', async () => (await readyReasons()) === '')
  })
})

describe('a spec file that goes', () => {
  test('orphans the fleet, whose engine runs on until the file is back', async () => {
    const id = await engineId()
    const good = await readFile(file(), 'utf8')
    await rm(file())
    const orphaned = await rig.until('it says so', () => condition('Orphaned'))
    expect(orphaned.message).toContain(`acefleet delete ${rig.fleet}`)
    expect(await engineId()).toBe(id)
    await save(good)
    await conditionGone('Orphaned')
    expect(await engineId()).toBe(id)
  })
})

describe('a restart', () => {
  test('on a broken file goes on with the last accepted generation', async () => {
    const id = await engineId()
    const good = await readFile(file(), 'utf8')
    expect(await rig.end('SIGINT')).toBe(0)
    await save('spec: [')
    await rig.start()
    const invalid = await rig.until('it says so', () => condition('SpecInvalid'))
    expect(invalid.message).toMatch(/fleet\.yaml:\d+:\d+/)
    expect(await engineId()).toBe(id)
    await save(good)
    await conditionGone('SpecInvalid')
  })

  test('on an earlier generation goes on with the last one; saving the file brings it back', async () => {
    const earlier = await readFile(file(), 'utf8')
    const { generation = 0 } = await rig.fleetView()
    await rig.edit(lone({ engine: engineSettings(rig, { maxStreams: 7 }) }))
    const id = await engineId()
    await rig.end()
    await save(earlier)
    await rig.start()
    const kept = await rig.until('it says so', () => condition('SpecInvalid'))
    expect(kept).toMatchObject({ reason: 'EarlierGeneration' })
    expect(kept.message).toContain('save the file once more')
    expect((await rig.fleetView()).generation).toBe(generation + 1)
    expect(await engineId()).toBe(id)
    await save(earlier)
    await rig.until('it rules', async () => (await rig.fleetView()).generation === generation + 2)
    await conditionGone('SpecInvalid')
    await rig.converged(1)
  })
})

describe('a process that can not begin', () => {
  const run = (dataDir: string, listen: string) =>
    cli(['run', '--spec', rig.specDir, '--data', dataDir, '--listen', listen])

  test('says who holds the data directory', async () => {
    const { code, err } = await run(rig.dataDir, '127.0.0.1:0')
    expect(code).toBe(1)
    expect(err).toContain(`the data directory ${rig.dataDir} is held by pid ${rig.pid()}`)
    expect(err).toContain('--data DIR')
  })

  test('says that the port is taken, and has touched nothing', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' ? address?.port : 0
    const { code, err } = await run(join(rig.dataDir, 'another'), `127.0.0.1:${port}`)
    taken.close()
    expect(code).toBe(1)
    expect(err).toContain(`127.0.0.1:${port} is taken by another process`)
    expect(err).toContain('--listen HOST:PORT')
  })
})

describe('the end of the process', () => {
  /** A client in the middle of its request, for whom the listener waits a while. */
  async function slowClient(): Promise<Socket> {
    const [, port = ''] =
      /"url":"http:\/\/127\.0\.0\.1:(\d+)"(?!.*"url")/s.exec(await rig.log()) ?? []
    const socket = dial(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('GET / HTTP/1.1\r\n')
    await sleep(100)
    return socket
  }

  test('waits a moment for a request under way, and not at all at the second signal', async () => {
    const socket = await slowClient()
    rig.signal('SIGTERM')
    await rig.until('it is ending', async () => /"stopping: the engines/.test(await rig.log()))
    const askedAt = performance.now()
    expect(await rig.end('SIGTERM')).toBe(143)
    expect(performance.now() - askedAt).toBeLessThan(2_000)
    socket.destroy()
    await rig.start()
    await rig.converged(1)
  })

  test('comes with an error when the data directory is taken away; the engine runs on (I7)', async () => {
    const id = await engineId()
    await rm(rig.dataDir, { recursive: true })
    expect(await rig.ended()).toBe(1)
    expect(await rig.log()).toMatch(
      /lock\.db was removed or replaced while in use: restart acefleet/,
    )
    const { State } = await rig.docker.getContainer(id).inspect()
    expect(State.Running).toBe(true)
    await rig.start()
    expect(await engineId()).toBe(id)
  })
})
