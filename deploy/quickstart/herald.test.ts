import type Docker from 'dockerode'
import { expect, test } from 'vitest'
import type { EngineView, FleetView } from '../../src/api/view.ts'
import { makeHerald } from './herald.ts'
import type { Picture } from './progress.ts'

/** A herald whose Docker runs one engine, in this container. */
function heraldOver(running: () => string) {
  const told: string[] = []
  const listContainers = async () => [{ Names: ['/demo.0'], Id: running() }]
  const docker = { listContainers } as unknown as Docker
  const herald = makeHerald({ docker, tell: (line) => told.push(line), replicas: () => [] })
  return { herald, told }
}

function picture(leader: string | null, epoch: number | null, containerId?: string): Picture {
  const engines = containerId === undefined ? [] : [{ name: 'demo.0', containerId } as EngineView]
  return { fleets: [{ name: 'demo', leader, epoch } as FleetView], engines }
}

const killed = { code: null, signal: 'SIGKILL', atMs: performance.now() } as const

test('the first leader is no news, and neither is the same one', async () => {
  const { herald, told } = heraldOver(() => 'c1')
  await herald.look(picture('nas:1-a', 5, 'c1'))
  await herald.look(picture('nas:1-a', 5, 'c1'))
  expect(told).toEqual([])
  expect(herald.ledBy(1)).toEqual(['demo'])
})

test('the next leader is told of once, with what it follows from and whether engines are the same', async () => {
  const { herald, told } = heraldOver(() => 'c1')
  await herald.look(picture('nas:1-a', 5, 'c1'))
  herald.fell('replica 1', killed)
  await herald.look(picture(null, null, 'c1'))
  await herald.look(picture('nas:2-b', 6, 'c1'))
  await herald.look(picture('nas:2-b', 6, 'c1'))
  expect(told).toEqual([
    expect.stringMatching(
      /^process 2 leads demo, epoch 6 \(before: 5\), .* after replica 1 was ended by SIGKILL\. All 1 engines run on/,
    ),
  ])
  expect(herald.ledBy(1)).toEqual([])
})

test('what a late answer says of an older epoch is no news', async () => {
  const { herald, told } = heraldOver(() => 'c1')
  await herald.look(picture('nas:2-b', 6, 'c1'))
  await herald.look(picture('nas:1-a', 5, 'c1'))
  expect(told).toEqual([])
  expect(herald.ledBy(2)).toEqual(['demo'])
})

test('an engine in another container is told of, though the store has lost its memory meanwhile', async () => {
  const { herald, told } = heraldOver(() => 'c2')
  await herald.look(picture('nas:1-a', 5, 'c1'))
  await herald.look(picture(null, null))
  await herald.look(picture('nas:2-b', 6, 'c2'))
  expect(told.join()).toContain('0 of 1 engines run on in the same containers; not so: demo.0')
})
