import { expect, it } from 'vitest'
import { p2pText } from './p2p-text.ts'

const group = { engines: 1, peers: 23, upBytesPerS: 184_320, downBytesPerS: 1_572_864 }

it('prints the forwarded engine beside the others', () => {
  const others = { engines: 3, peers: 11, upBytesPerS: 40_960, downBytesPerS: 0 }
  expect(p2pText({ forwarded: group, others })).toBe(
    'forwarded: 23 peers, 180 KiB/s up, 1.5 MiB/s down; ' +
      'others: 11 peers, 40 KiB/s up, 0 KiB/s down (median of 3); per stream',
  )
})

it('says of whom nothing is known, and nothing where that is all', () => {
  expect(p2pText({ forwarded: group, others: null })).toMatch(/; others: unknown; per stream$/)
  expect(p2pText({ forwarded: null, others: group })).toMatch(/^forwarded: unknown; others: 23/)
  expect(p2pText({ forwarded: null, others: null })).toBeNull()
})
