import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeRig, type Rig, tunnelled } from '../harness/acefleet.ts'
import { type DockerProxy, startDockerProxy } from '../harness/docker-proxy.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

const LIST = /^GET \/containers\/json/
const CREATE = /^POST \/containers\/create/
const START = /^POST \/containers\/\w+\/start/
const STOP = /^POST \/containers\/\w+\/stop/
const REMOVE = /^DELETE \/containers\//

let rig: Rig
let proxy: DockerProxy
let witness: Witness

beforeAll(async () => {
  rig = await makeRig()
  proxy = await startDockerProxy()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: true })
  await rig.addNode('a')
  await rig.addNode('b')
  await rig.edit(tunnelled(rig))
  await rig.start({ env: { DOCKER_HOST: proxy.url } })
  await rig.converged(4)
})

afterEach(() => proxy.heal())

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
})

async function condition(type: string) {
  return (await rig.fleetView()).conditions.find((c) => c.type === type && c.status === 'True')
}

/** Has the fleet looked at now: a cordon moves nobody. */
async function wake(): Promise<void> {
  await rig.post(`/v1/vpns/${rig.nodeName('a')}/cordon`)
  await rig.post(`/v1/vpns/${rig.nodeName('a')}/uncordon`)
}

/**
 * Has one engine die by itself, and answers its name and id. Each death of one slot's engine makes the next
 * replacement wait longer, so tests that need none ask for another number of engines instead.
 */
async function killOne() {
  const found = (await rig.engines()).find((engine) => !engine.forwarded)
  if (found?.containerId == null) throw new Error('no ordinary engine')
  await rig.docker.getContainer(found.containerId).kill()
  return { name: found.name, containerId: found.containerId }
}

async function replaced({ containerId }: { readonly containerId: string }): Promise<void> {
  await rig.until('it is replaced', async () =>
    (await rig.engines()).every((engine) => engine.containerId !== containerId),
  )
  await rig.converged(4)
}

async function scaleTo(replicas: number): Promise<void> {
  await rig.edit(tunnelled(rig, { replicas }))
}

/** What the witness saw while `during` ran. */
async function changesDuring(during: () => Promise<void>): Promise<readonly string[]> {
  await witness.caughtUp()
  const before = witness.events.length
  await during()
  await witness.caughtUp()
  return witness.events.slice(before)
}

async function eventsOf(reason: string, after: number): Promise<readonly string[]> {
  return (await rig.events())
    .filter((event) => event.reason === reason && Date.parse(event.at) >= after)
    .map((event) => event.message)
}

describe('a daemon in trouble', () => {
  test('that fails to list touches no engine, is told of, and is forgotten when it recovers (I9)', async () => {
    const startedAt = Date.now()
    const changes = await changesDuring(async () => {
      using _ = proxy.inject(LIST, { kind: 'answer', status: 500, message: 'out of luck' })
      await wake()
      const trouble = await rig.until('the fleet says so', () => condition('DockerUnreachable'))
      expect(trouble.message).toContain('out of luck')
      await expect(rig.get('/readyz')).rejects.toThrow(/503 .*out of luck/)
      await rig.get('/healthz')
    })
    await rig.until('the fleet has recovered', async () => !(await condition('DockerUnreachable')))
    await rig.converged(4)
    expect(await rig.get('/readyz')).toMatchObject({ ready: true, reasons: [] })
    expect(changes).toEqual([])
    expect(await eventsOf('DockerLost', startedAt)).toHaveLength(1)
    expect(await eventsOf('DockerBack', startedAt)).toHaveLength(1)
  })

  test('that hangs touches no engine; what died meanwhile is replaced when it answers again (I9)', async () => {
    proxy.inject(/./, { kind: 'hang' })
    let victim = { name: '', containerId: '' }
    const changes = await changesDuring(async () => {
      victim = await killOne()
      const trouble = await rig.until('the fleet says so', () => condition('DockerUnreachable'))
      expect(trouble.message).toMatch(/no answer within 15 s/)
    })
    expect(changes).toEqual([`die ${victim.name}`])
    await proxy.heal()
    await replaced(victim)
  })

  test('that restarts is waited for, and told of with what to do (I9)', async () => {
    let victim = { name: '', containerId: '' }
    const changes = await changesDuring(async () => {
      await proxy.refuse()
      await rig.until('the fleet says so', async () =>
        (await condition('DockerUnreachable'))?.message.match(
          /can not be reached.*is dockerd running/,
        ),
      )
      victim = await killOne()
      await proxy.vanish()
      await rig.until('the fleet says that', async () =>
        (await condition('DockerUnreachable'))?.message.includes('there is no such socket'),
      )
    })
    expect(changes).toEqual([`die ${victim.name}`])
    await proxy.heal()
    await replaced(victim)
  })

  test('that is slow is not hurried: the fleet scales all the same (I2)', async () => {
    proxy.inject(/^(GET|POST) \/containers\//, { kind: 'delay', ms: 300 })
    await scaleTo(5)
    await rig.converged(5)
    await scaleTo(4)
    await rig.converged(4)
  })
})

describe('an unanswered call', () => {
  test('to create leaves one engine in its slot, found by the next list (I2)', async () => {
    const startedAt = Date.now()
    const lost = proxy.inject(CREATE, { kind: 'loseReply' }, 1)
    const changes = await changesDuring(async () => {
      await scaleTo(5)
      await rig.converged(5)
    })
    expect(lost.hits()).toBe(1)
    expect(changes.filter((change) => change.startsWith('create '))).toHaveLength(1)
    expect(await eventsOf('OutcomeUnknown', startedAt)).toHaveLength(1)
    expect(await eventsOf('OutcomeResolved', startedAt)).toHaveLength(1)
  })

  test('to create that lands long after it was given up is harmless: its slot was kept (I2, I7)', async () => {
    const hanging = proxy.inject(CREATE, { kind: 'hang' }, 1)
    const changes = await changesDuring(async () => {
      await scaleTo(6)
      await rig.until('it is given up, and its slot occupied', async () => {
        const expected = (await rig.engines()).find((engine) => engine.containerId === null)
        return expected?.note === 'its create was not answered'
      })
      hanging[Symbol.dispose]()
      await rig.converged(6)
    })
    expect(changes.filter((change) => change.startsWith('create '))).toHaveLength(1)
  })

  test.for([
    ['start', START, 7],
    ['remove', REMOVE, 6],
  ] as const)('to %s is settled by the next list', async ([, call, replicas]) => {
    const lost = proxy.inject(call, { kind: 'loseReply' }, 1)
    await scaleTo(replicas)
    await rig.converged(replicas)
    expect(lost.hits()).toBe(1)
  })

  test('to stop is settled by the next list, and nobody else is stopped for it', async () => {
    const startedAt = Date.now()
    const lost = proxy.inject(STOP, { kind: 'loseReply' }, 1)
    const changes = await changesDuring(async () => {
      await scaleTo(5)
      await rig.converged(5)
    })
    expect(lost.hits()).toBe(1)
    expect(changes.filter((change) => change.startsWith('die '))).toHaveLength(1)
    expect(await eventsOf('OutcomeUnknown', startedAt)).toHaveLength(1)
    await scaleTo(4)
    await rig.converged(4)
  })
})

describe('an event stream', () => {
  test('that brings nothing any more hides no death: probes find it', async () => {
    proxy.muteEvents(true)
    await replaced(await killOne())
  })

  test('that breaks is opened again, and all is looked at', async () => {
    const streams = () => proxy.heard.filter((line) => line.startsWith('GET /events')).length
    const before = streams()
    proxy.cut()
    await replaced(await killOne())
    await rig.until('it is opened again', async () => streams() > before)
  })
})

describe('a call that fails again and again', () => {
  test('to remove a dead engine costs no other engine, and stands in the status', async () => {
    const failing = proxy.inject(REMOVE, { kind: 'answer', status: 500, message: 'device busy' })
    const victim = await killOne()
    const stalled = await rig.until('the fleet says so', () => condition('Stalled'))
    expect(stalled.message).toContain(`${victim.name}: remove failed`)
    expect(stalled.message).toContain('device busy')
    await rig.until('four others are ready', async () => (await rig.fleetView()).ready === 4)
    failing[Symbol.dispose]()
    await rig.until('it is gone', async () => (await rig.engines()).length === 4)
    await rig.until('the fleet has recovered', async () => !(await condition('Stalled')))
  })

  test('to create leaves the others alone, and is tried again with growing pauses', async () => {
    const failing = proxy.inject(CREATE, { kind: 'answer', status: 500, message: 'no space left' })
    const changes = await changesDuring(async () => {
      await scaleTo(5)
      const stalled = await rig.until('the fleet says so', () => condition('Stalled'))
      expect(stalled.message).toContain('no space left')
    })
    expect(changes).toEqual([])
    expect(failing.hits()).toBeLessThan(8)
    failing[Symbol.dispose]()
    await rig.converged(5)
  })
})

describe('the end of the process', () => {
  test('comes at once with code 0 while calls are under way, and the next one finishes them', async () => {
    const hanging = proxy.inject(STOP, { kind: 'hang' })
    await scaleTo(2)
    await rig.until('a stop is under way', async () => hanging.hits() > 0)
    const askedAt = performance.now()
    expect(await rig.end('SIGTERM')).toBe(0)
    // The call under way would end by itself after 15 s and its grace at the soonest.
    expect(performance.now() - askedAt).toBeLessThan(5_000)
    await proxy.heal()
    await rig.start({ env: { DOCKER_HOST: proxy.url } })
    await rig.converged(2)
  })

  test('never broke a promise that the daemon’s own events could witness (I1, I2, I10, I11)', async () => {
    await witness.caughtUp()
    expect(witness.violations).toEqual([])
  })
})
