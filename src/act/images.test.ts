import { expect, test } from 'vitest'
import { makeVirtualClock } from '../../test/sim/virtual-clock.ts'
import { DockerError } from '../docker/errors.ts'
import type { Docker } from '../docker/port.ts'
import type { Epoch, Lease } from '../lease/lease.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import { makeImages } from './images.ts'

function makeBench() {
  const clock = makeVirtualClock()
  const events: NewFleetEvent[] = []
  const daemon = { has: false, canPull: false, looks: 0, pulls: 0 }
  const docker: Partial<Docker> = {
    hasImage: async () => {
      daemon.looks += 1
      return daemon.has
    },
    pull: async () => {
      daemon.pulls += 1
      if (!daemon.canPull) throw new DockerError('no route to the registry')
    },
  }
  const lease: Lease = {
    fleet: 'home',
    epoch: 1 as Epoch,
    assertHeld: () => {},
    lost: new AbortController().signal,
  }
  const images = makeImages({
    docker: docker as Docker,
    lease,
    clock,
    record: (event) => events.push(event),
    onChange: () => {},
  })
  return { clock, events, daemon, images }
}

test('an image that may not be pulled is waited for, with one event and seldom looks', async () => {
  const { clock, events, daemon, images } = makeBench()
  expect(images.lacks('engine:1', 'Never')).toEqual({ condition: undefined })
  await clock.settle()
  for (let second = 0; second < 60; second++) {
    expect(images.lacks('engine:1', 'Never')?.condition?.message).toContain('docker pull engine:1')
    await clock.advance(1_000)
  }
  expect(daemon.looks).toBeLessThanOrEqual(13)
  expect(daemon.pulls).toBe(0)
  expect(events).toMatchObject([{ reason: 'ImagePullFailed', type: 'Warning' }])
  daemon.has = true
  await clock.advance(5_000)
  images.lacks('engine:1', 'Never')
  await clock.settle()
  expect(images.lacks('engine:1', 'Never')).toBeUndefined()
})

test('failed pulls are repeated ever more seldom, but an image that came otherwise is found soon', async () => {
  const { clock, daemon, images } = makeBench()
  for (let second = 0; second < 300; second++) {
    images.lacks('engine:1', 'IfNotPresent')
    await clock.advance(1_000)
  }
  expect(daemon.pulls).toBeGreaterThan(3)
  expect(daemon.pulls).toBeLessThan(9)
  const lack = images.lacks('engine:1', 'IfNotPresent')
  expect(lack?.condition?.reason).toBe('ImageUnavailable')
  expect(lack?.condition?.message).toContain('no route to the registry')
  daemon.has = true
  await clock.advance(5_000)
  images.lacks('engine:1', 'IfNotPresent')
  await clock.settle()
  expect(images.lacks('engine:1', 'IfNotPresent')).toBeUndefined()
})

test('with pullPolicy Always an image that is there is pulled all the same', async () => {
  const { clock, daemon, images } = makeBench()
  daemon.has = true
  daemon.canPull = true
  images.lacks('engine:1', 'Always')
  await clock.settle()
  expect(daemon).toMatchObject({ looks: 0, pulls: 1 })
  expect(images.lacks('engine:1', 'Always')).toBeUndefined()
})

test('an image that a create misses is looked for again, but not twice at once', async () => {
  const { clock, daemon, images } = makeBench()
  daemon.has = true
  images.lacks('engine:1', 'IfNotPresent')
  images.missing('engine:1')
  images.lacks('engine:1', 'IfNotPresent')
  await clock.settle()
  expect(daemon.looks).toBe(1)
  expect(images.lacks('engine:1', 'IfNotPresent')).toBeUndefined()
  images.missing('engine:1')
  daemon.has = false
  expect(images.lacks('engine:1', 'IfNotPresent')).toBeDefined()
  await clock.settle()
  expect(daemon.looks).toBe(2)
})
