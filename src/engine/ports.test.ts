import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { enginePorts, GLUETUN_PORTS, portsFit } from './ports.ts'

const range = { first: 19_000, last: 19_499 }
const internal = { https: 16_000, api: 17_000, p2p: 18_000 }

describe('the ports of an engine', () => {
  it('are the first of each range for the forwarded one, and follow from the slot for the others', () => {
    expect(enginePorts(range, internal, 'forwarded', 51_000)).toEqual({
      http: 19_000,
      https: 16_000,
      api: 17_000,
      p2p: 51_000,
    })
    expect(enginePorts(range, internal, 'gluetun-a.forwarded', 51_000).http).toBe(19_000)
    expect(enginePorts(range, internal, '4')).toEqual({
      http: 19_005,
      https: 16_005,
      api: 17_005,
      p2p: 18_005,
    })
  })

  it('are all different from those of any other slot (I11)', () => {
    const slot = fc.oneof(fc.nat(400).map(String), fc.constant('forwarded'))
    fc.assert(
      fc.property(slot, slot, (one, other) => {
        fc.pre(one !== other)
        const both = [one, other].flatMap((each) =>
          Object.values(enginePorts(range, internal, each)),
        )
        expect(new Set(both).size).toBe(8)
      }),
    )
  })
})

describe('ports fit', () => {
  const ports = enginePorts(range, internal, '0')

  it('when they lie in range and nobody has them', () => {
    expect(portsFit(ports, range, new Set(GLUETUN_PORTS))).toBe(true)
  })

  it.each(Object.entries(ports))('unless another has the %s port (I11)', (_, port) => {
    expect(portsFit(ports, range, new Set([port]))).toBe(false)
  })

  it('unless they lie beyond the range, or beyond all ports', () => {
    expect(portsFit(ports, { first: 19_000, last: 19_000 }, new Set())).toBe(false)
    expect(portsFit({ ...ports, p2p: 65_536 }, range, new Set())).toBe(false)
  })

  it('unless two of their own are the same (I11)', () => {
    expect(portsFit({ ...ports, p2p: ports.http }, range, new Set())).toBe(false)
  })
})
