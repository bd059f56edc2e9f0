import { afterAll, beforeAll, expect, test } from 'vitest'
import { engineSettings, makeRig, type Rig } from '../harness/acefleet.ts'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import { startWitness, type Witness } from '../harness/witness.ts'

let rig: Rig
let witness: Witness
let redis: StartedRedis

beforeAll(async () => {
  rig = await makeRig()
  redis = await startRedis()
  const { docker, instance, fleet } = rig
  witness = await startWitness(docker, { instance, fleet, scope: 'fleet', isTunnelled: false })
  await rig.edit({
    ...{ replicas: 2, engine: engineSettings(rig), vpn: { mode: 'none' } },
    forwarding: { scope: 'none' },
  })
})

afterAll(async () => {
  await witness?.[Symbol.asyncDispose]()
  await rig?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

const mismatch = async () =>
  (await rig.fleetView()).conditions.find(({ type }) => type === 'LeaseMismatch')

test('a replica that keeps the lease elsewhere is named for as long as it does, and breaks nothing (I1, I2)', async () => {
  const first = await rig.replica('first', { redis: redis.url })
  await rig.converged(2)
  expect(await mismatch()).toBeUndefined()
  const flags = ['--lease-redis', `${redis.url}/5`]
  const other = await rig.replica('other', { redis: redis.url, flags })
  const told = await rig.until('the difference is told', mismatch)
  expect(told).toMatchObject({ status: 'True', reason: 'ServersDiffer' })
  expect(told.message).toContain(`on ${first.holder}`)
  expect(told.message).toContain(`on ${other.holder}`)
  expect(told.message).not.toContain('127.0.0.1')
  for (const each of [first, other])
    await rig.until('each has logged it', async () => (await each.log()).includes('LeaseMismatch'))
  expect(await other.end('SIGTERM')).toBe(0)
  await rig.until('it is told no more', async () => (await mismatch()) === undefined)
  await rig.converged(2)
  await witness.caughtUp()
  expect(witness.violations).toEqual([])
})
