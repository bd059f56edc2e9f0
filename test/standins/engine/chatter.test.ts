import { expect, test } from 'vitest'
import { defaultGateway } from './chatter.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
const LINK = 'eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0'
const DEFAULT = 'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0'

test('the default gateway is read from the kernel’s table', () => {
  expect(defaultGateway([HEAD, DEFAULT, LINK, ''].join('\n'))).toBe('172.17.0.1')
})

test('a namespace without a default route, or without any, has none', () => {
  expect(defaultGateway([HEAD, LINK, ''].join('\n'))).toBeUndefined()
  expect(defaultGateway(`${HEAD}\n`)).toBeUndefined()
})
