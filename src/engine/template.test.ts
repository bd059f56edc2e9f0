import { describe, expect, it } from 'vitest'
import type { Fleet } from '../spec/fleet.ts'
import { checkSpecs } from '../spec/load.ts'
import { engineTemplate, type Placement } from './template.ts'

function fleet(vpn: string, engine = '{}', rest = ''): Fleet {
  const text = `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: home}
spec:
  replicas: 2
  engine: ${engine}
  vpn: ${vpn}
  ${rest}
`
  const [loaded] = checkSpecs([{ file: 'a.yaml', text }]).fleets
  if (loaded === undefined) throw new Error('the spec of this test is wrong')
  return loaded.fleet
}

const SINGLE = '{mode: single, nodes: [{name: g1, ports: 19000-19099}]}'
const hashOf = (...parts: Parameters<typeof fleet>) => engineTemplate(fleet(...parts)).specHash

const placement: Placement = {
  name: 'home.0',
  slot: '0',
  ports: { http: 19_001, https: 16_001, api: 17_001, p2p: 18_001 },
  networkMode: 'container:abc',
  labels: { x: 'y' },
}

describe('the template of a fleet', () => {
  it('makes a container in its VPN node’s namespace, publishing nothing (I10)', () => {
    const spec = engineTemplate(
      fleet(SINGLE, '{resources: {memory: 1Gi, cpus: 1.5}}'),
    ).containerSpec(placement)
    expect(spec).toMatchObject({
      name: 'home.0',
      image: 'ghcr.io/krinkuto11/acestream-http-proxy:latest',
      networkMode: 'container:abc',
      labels: { x: 'y' },
      publish: [],
      memoryBytes: 2 ** 30,
      cpus: 1.5,
    })
    expect(spec.env).toContain('P2P_PORT=18001')
  })

  it('publishes the HTTP port on the bind address without a VPN', () => {
    const spec = engineTemplate(
      fleet('{mode: none}', '{}', 'network: {bind: 10.0.0.1}'),
    ).containerSpec({
      ...placement,
      networkMode: 'bridge',
    })
    expect(spec.publish).toEqual([
      { address: '10.0.0.1', hostPort: 19_001, containerPort: 19_001, protocol: 'tcp' },
    ])
  })
})

describe('the spec hash', () => {
  const base = hashOf(SINGLE)

  it.each<[string, Parameters<typeof fleet>]>([
    ['image', [SINGLE, '{image: a/b:c}']],
    ['environment', [SINGLE, '{env: {A: b}}']],
    ['arguments', [SINGLE, '{args: [--x]}']],
    ['variant', [SINGLE, '{variant: martinbjeldbak}']],
    ['memory', [SINGLE, '{resources: {memory: 1Gi}}']],
    ['CPUs', [SINGLE, '{resources: {cpus: 1}}']],
    ['where internal ports begin', [SINGLE, '{ports: {p2p: 18100}}']],
    ['the VPN’s being there', ['{mode: none}']],
  ])('changes with %s', (_, parts) => expect(hashOf(...parts)).not.toBe(base))

  it.each<[string, Parameters<typeof fleet>]>([
    ['maxStreams, which is no part of a container', [SINGLE, '{maxStreams: 9}']],
    ['health and timeouts', [SINGLE, '{health: {failures: 9}, startTimeout: 9s}']],
    ['the pull policy', [SINGLE, '{pullPolicy: Never}']],
    [
      'the number of nodes, their names and ports',
      [
        '{mode: redundant, nodes: [{name: x1, ports: 20000-20099}, {name: x2, ports: 20100-20199}]}',
      ],
    ],
    [
      'a preset’s image written out',
      [SINGLE, '{image: "ghcr.io/krinkuto11/acestream-http-proxy:latest"}'],
    ],
    ['updates', [SINGLE, '{}', 'update: {maxSurge: 2}']],
  ])('stays with %s', (_, parts) => expect(hashOf(...parts)).toBe(base))

  it('changes with bind address and network of a fleet without a VPN, not with its ports', () => {
    const none = hashOf('{mode: none}')
    expect(hashOf('{mode: none}', '{}', 'network: {bind: 0.0.0.0}')).not.toBe(none)
    expect(hashOf('{mode: none}', '{}', 'network: {name: other}')).not.toBe(none)
    expect(hashOf('{mode: none}', '{}', 'network: {ports: 21000-21099}')).toBe(none)
  })
})
