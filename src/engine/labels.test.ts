import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Epoch } from '../lease/lease.ts'
import { engineLabels, readLabels } from './labels.ts'

const of = {
  instance: 'default',
  fleet: 'home',
  slot: 'forwarded',
  specHash: 'abc',
  epoch: 1_767_268_800_000 as Epoch,
  ports: { http: 19_000, https: 16_000, api: 17_000, p2p: 51_000 },
  forwarded: true,
  vpn: { name: 'gluetun-a', generation: '0123@2026' },
}

describe('labels', () => {
  it('are those that existing tools read, and ours', () => {
    expect(engineLabels(of)).toEqual({
      'acefleet.instance': 'default',
      'acefleet.fleet': 'home',
      'acefleet.slot': 'forwarded',
      'acefleet.spec-hash': 'abc',
      'acefleet.epoch': '1767268800000',
      'acefleet.p2p-port': '51000',
      'acefleet.api-port': '17000',
      'acefleet.vpn-generation': '0123@2026',
      'acestream.forwarded': 'true',
      'acestream.vpn_container': 'gluetun-a',
      'acestream.http_port': '19000',
      'acestream.https_port': '16000',
      'host.http_port': '19000',
    })
  })

  it('say nothing of forwarding on an ordinary engine, and nothing of a VPN without one', () => {
    const names = Object.keys(engineLabels({ ...of, forwarded: false, vpn: undefined }))
    expect(names).not.toContain('acestream.forwarded')
    expect(names.filter((name) => name.includes('vpn'))).toEqual([])
  })

  it('are read back as they were written', () => {
    expect(readLabels(engineLabels(of))).toEqual({
      specHash: 'abc',
      epoch: of.epoch,
      httpPort: 19_000,
      httpsPort: 16_000,
      apiPort: 17_000,
      p2pPort: 51_000,
      vpnGeneration: '0123@2026',
      vpnContainer: 'gluetun-a',
      forwarded: true,
    })
  })

  it('are no obstacle, whoever wrote them', () => {
    const name = fc.constantFrom(...Object.keys(engineLabels(of)))
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), (labels) => {
        const { epoch, httpPort, p2pPort } = readLabels(labels)
        for (const number of [epoch, httpPort ?? 0, p2pPort ?? 0])
          expect(Number.isSafeInteger(number) && number >= 0).toBe(true)
      }),
    )
  })
})
