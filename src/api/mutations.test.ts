import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ApiFixture,
  id,
  JSON_TYPE,
  makeApiFixture,
  status,
  vpn,
} from '../../test/harness/api-fixture.ts'

let fixture: ApiFixture

beforeEach(async () => {
  fixture = await makeApiFixture()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('requests', () => {
  it('notes the drain of an engine by its container id, and wakes the loop', async () => {
    await fixture.publishDemo()
    expect(await fixture.post('/v1/engines/demo.2/drain')).toMatchObject({ status: 202 })
    expect(await fixture.requestsOf('demo')).toEqual([
      { kind: 'drainEngine', containerId: id('b') },
    ])
    expect(fixture.woken).toEqual(['demo'])
    await fixture.recorder.flush()
    expect((await fixture.store.events({})).map((each) => each.reason)).toEqual(['DrainRequested'])
  })

  it('refuses to drain an engine that has no container', async () => {
    await fixture.publishDemo()
    expect(await fixture.post('/v1/engines/demo.3/drain')).toMatchObject({ status: 409 })
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it('cordons and drains a node, and takes both back with uncordon', async () => {
    await fixture.publishDemo()
    await fixture.post('/v1/vpns/gluetun-a/cordon')
    await fixture.post('/v1/vpns/gluetun-a/drain')
    expect(await fixture.requestsOf('demo')).toHaveLength(2)
    expect(await fixture.post('/v1/vpns/gluetun-a/uncordon')).toMatchObject({ status: 202 })
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it('says that a cordon of the spec can only be lifted there', async () => {
    await fixture.publishDemo()
    const { status: code, body } = await fixture.post('/v1/vpns/gluetun-b/uncordon')
    expect(code).toBe(409)
    expect(body.detail).toContain('cordon: false')
  })

  it('refuses to delete a fleet that a watched spec still declares', async () => {
    await fixture.publishDemo()
    fixture.control.declaredIn = () => 'specs/demo.yaml:3'
    expect(await fixture.post('/v1/fleets/demo/delete')).toMatchObject({
      status: 409,
      body: { detail: 'fleet "demo" is still declared: remove it from specs/demo.yaml:3 first' },
    })
    expect(await fixture.requestsOf('demo')).toEqual([])
  })

  it('deletes a fleet that no spec declares', async () => {
    await fixture.publishDemo()
    expect(await fixture.post('/v1/fleets/demo/delete')).toMatchObject({ status: 202 })
    expect(await fixture.requestsOf('demo')).toEqual([{ kind: 'delete' }])
  })

  it('asks which fleet is meant when two hold a node of that name', async () => {
    await fixture.publish(status('one', { vpns: [vpn('shared')] }))
    await fixture.publish(status('two', { vpns: [vpn('shared')] }))
    expect(await fixture.post('/v1/vpns/shared/cordon')).toMatchObject({ status: 409 })
    expect(await fixture.post('/v1/vpns/shared/cordon?fleet=two')).toMatchObject({ status: 202 })
    expect(await fixture.requestsOf('one')).toEqual([])
    expect(await fixture.requestsOf('two')).toHaveLength(1)
  })

  it.each<[string, Record<string, string>, number]>([
    ['a plain form', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415],
    ['no content type', {}, 415],
    [
      'another origin',
      { ...JSON_TYPE, Host: '127.0.0.1:8000', Origin: 'http://evil.example' },
      403,
    ],
    ['a sandboxed frame', { ...JSON_TYPE, Host: '127.0.0.1:8000', Origin: 'null' }, 403],
    ['a rebound name', { ...JSON_TYPE, Host: 'evil.example', Origin: 'http://evil.example' }, 403],
    ['a cross-site fetch', { ...JSON_TYPE, 'Sec-Fetch-Site': 'cross-site' }, 403],
    [
      'its own page',
      { ...JSON_TYPE, Host: '127.0.0.1:8000', Origin: 'http://127.0.0.1:8000' },
      202,
    ],
    ['a program by a full name', { ...JSON_TYPE, Host: 'acefleet.lan:8000' }, 202],
  ])('answers a change from %s as it deserves', async (_, headers, code) => {
    await fixture.publishDemo()
    expect((await fixture.post('/v1/engines/demo.2/drain', headers)).status).toBe(code)
    expect(await fixture.requestsOf('demo')).toHaveLength(code === 202 ? 1 : 0)
  })

  it('refuses bodies that say something, and bodies that are too large', async () => {
    await fixture.publishDemo()
    expect(
      (await fixture.post('/v1/engines/demo.2/drain', JSON_TYPE, '{"force":true}')).status,
    ).toBe(400)
    expect(
      (await fixture.post('/v1/engines/demo.2/drain', JSON_TYPE, 'x'.repeat(20_000))).status,
    ).toBe(413)
    expect((await fixture.post('/v1/engines/demo.2/drain', JSON_TYPE, '{}')).status).toBe(202)
  })
})
