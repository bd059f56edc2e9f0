import { expect, it } from 'vitest'
import { makeRandom } from './random.ts'
import { drawFleet } from './sim-fleet.ts'
import { makeWorld } from './world.ts'

it('starts no engine whose create was so slow that its node is another one meanwhile (I10)', async () => {
  const random = makeRandom(1)
  const drawn = drawFleet(random)
  const node = {
    name: 'gluetun-a',
    control: {},
    ports: { first: 19_000, last: 19_049 },
    cordon: false,
  }
  const fleet = {
    ...drawn,
    replicas: 1,
    vpn: { ...drawn.vpn, mode: 'single' as const, nodes: [node] },
    forwarding: { ...drawn.forwarding, scope: 'none' as const },
  }
  await using world = await makeWorld({
    fleet,
    random,
    say: () => {},
    bug: undefined,
    leaseServers: 0,
  })
  const { clock, docker, vpns } = world
  world.fate.docker = ({ verb }) =>
    verb === 'create' ? { kind: 'slow', replyMs: 12_000 } : undefined
  world.start()
  const created = () => docker.world().some(({ name }) => name === 'home.0')
  expect(await clock.runUntil(created, 60_000)).toBe(true)

  docker.restart('gluetun-a')
  vpns.halt('gluetun-a', 'stopped')
  await clock.advance(30_000)
  const started = docker.history.filter(
    ({ verb, container }) => verb === 'start' && container.name === 'home.0',
  )
  expect(started).toEqual([])

  world.fate.docker = () => undefined
  vpns.resume('gluetun-a')
  await clock.advance(10_000)
  expect(docker.world().map(({ name, state }) => `${name} ${state}`)).toEqual([
    'gluetun-a running',
    'home.0 running',
  ])
  expect(world.judge.violations).toEqual([])
})
