import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Kept, listedSegments, playlistText } from './playlist.ts'
import type { Segment } from './segmenter.ts'

const point = { position: 0, tables: undefined, counters: new Map(), clock: undefined }

/** Segments of so many bytes each, 4 s apart; the last one ends where the buffer does, now. */
function segmentsOf(count: number, bytes: number): Segment[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ index, from: index * bytes, to: (index + 1) * bytes, durationS: 4, point },
    ...{ isDiscontinuity: index === 3, discontinuities: index > 3 ? 1 : 0 },
  }))
}

function keptOf(count: number, bytes: number, maxBytes: number, maxAgeMs: number): Kept {
  const end = count * bytes
  const arrivedAt = (position: number) => (position / bytes) * 4_000
  return { end, arrivedAt, limits: { maxBytes, maxAgeMs } }
}

describe('a list', () => {
  test('names what lasts for three of the longest target durations, and no more', () => {
    const all = { segments: segmentsOf(30, 100), targetS: 6 }
    const listed = listedSegments(all, keptOf(30, 100, 1e9, 1e9), 120_000)
    expect(listed.map(({ index }) => index)).toEqual([22, 23, 24, 25, 26, 27, 28, 29])
  })

  test('ends before the buffer does, by age and by size, but names the newest segment always', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 200_000 }),
        (count, maxBytes, maxAgeMs) => {
          const kept = keptOf(count, 100, maxBytes, maxAgeMs)
          const now = count * 4_000
          const all = segmentsOf(count, 100)
          const listed = listedSegments({ segments: all, targetS: 6 }, kept, now)
          expect(listed.at(-1)).toBe(all.at(-1))
          expect(listed).toEqual(all.slice(-listed.length))
          for (const { from } of listed.slice(0, -1)) {
            expect(kept.end - from).toBeLessThan(maxBytes)
            expect(now - kept.arrivedAt(from)).toBeLessThan(maxAgeMs)
          }
        },
      ),
    )
  })

  test('says its target, numbers, breaks and durations', () => {
    const text = playlistText(segmentsOf(5, 100).slice(2), 6, 1_000, ({ index }) => `${index}.ts`)
    expect(text.split('\n')).toEqual([
      ...['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:6', '#EXT-X-MEDIA-SEQUENCE:1002'],
      ...['#EXT-X-DISCONTINUITY-SEQUENCE:0', '#EXTINF:4.00000,', '2.ts'],
      ...['#EXT-X-DISCONTINUITY', '#EXTINF:4.00000,', '3.ts', '#EXTINF:4.00000,', '4.ts'],
    ])
  })

  test('counts the breaks that it does not show any more', () => {
    const text = playlistText(segmentsOf(6, 100).slice(4), 6, 0, ({ index }) => `${index}.ts`)
    expect(text).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXTINF')
  })
})
