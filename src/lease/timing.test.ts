import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LONGEST_RETRY_MS, leaseTiming, UnusableLeaseTiming } from './timing.ts'

function refusal(options: Parameters<typeof leaseTiming>[0]): string {
  try {
    return JSON.stringify(leaseTiming(options))
  } catch (error) {
    expect(error).toBeInstanceOf(UnusableLeaseTiming)
    return (error as Error).message
  }
}

describe('settings of a lease', () => {
  it('are 6 s, renewed every 2 s, given up 1.2 s before the servers do', () => {
    expect(leaseTiming()).toEqual({
      ...{ ttlMs: 6_000, renewMs: 2_000, marginMs: 1_200, attemptMs: 400, pollMs: 500 },
    })
  })

  it('leave a margin of 20 %, and of two requests at least', () => {
    expect(leaseTiming({ ttlMs: 20_000 }).marginMs).toBe(4_000)
    expect(leaseTiming({ ttlMs: 8_000, attemptMs: 1_000 }).marginMs).toBe(2_000)
  })

  it('are refused where one missed renewal would lose the lease, and the message says what would do', () => {
    expect(refusal({ ttlMs: 3_000 })).toBe(
      '--lease-ttl 3s is too short for --lease-renew 2s: at least 3.9s, or one missed renewal would lose the lease',
    )
    expect(refusal({ ttlMs: 3_900 })).toContain('"ttlMs":3900')
    expect(refusal({ renewMs: 6_000 })).toContain(
      '--lease-ttl 6s is too short for --lease-renew 6s',
    )
  })

  it('are refused where renewing would never rest, or a crash would go unnoticed for too long', () => {
    expect(refusal({ renewMs: 100 })).toContain('--lease-renew 0.1s is too short')
    expect(refusal({ ttlMs: 3_600_000 })).toContain('--lease-ttl 3600s is too long: at most 300s')
  })

  it.each([
    ['ttlMs', 0],
    ['renewMs', -1],
    ['attemptMs', Number.NaN],
    ['pollMs', Number.POSITIVE_INFINITY],
    ['marginMs', 0],
  ])('are refused when %s is %d', (name, ms) => {
    expect(refusal({ [name]: ms })).toContain(name)
  })

  it('can be those of Kubernetes: 15 s, given up after 10, tried every 2', () => {
    const kube = { ttlMs: 15_000, renewMs: 2_000, marginMs: 5_000, pollMs: 2_000 }
    expect(leaseTiming(kube)).toEqual({ ...kube, attemptMs: 400 })
  })

  it('take no margin that is too small, or that leaves no time to renew', () => {
    expect(refusal({ marginMs: 500 })).toBe(
      'a margin of 0.5s does not fit a ttl of 6s: from 1.2s to 2.9s',
    )
    expect(refusal({ marginMs: 3_500 })).toContain('does not fit')
  })

  it('always leave time for a whole second attempt, whatever was accepted', () => {
    const ms = fc.integer({ min: 1, max: 20_000 })
    fc.assert(
      fc.property(ms, ms, ms, (ttlMs, renewMs, attemptMs) => {
        let timing: ReturnType<typeof leaseTiming>
        try {
          timing = leaseTiming({ ttlMs, renewMs, attemptMs })
        } catch (error) {
          expect(error).toBeInstanceOf(UnusableLeaseTiming)
          return
        }
        const secondAnswerMs = renewMs + attemptMs + LONGEST_RETRY_MS + attemptMs
        expect(secondAnswerMs).toBeLessThanOrEqual(ttlMs - timing.marginMs + 1e-6)
        expect(timing.marginMs).toBeGreaterThanOrEqual(ttlMs / 5)
        expect(timing.marginMs).toBeLessThanOrEqual(ttlMs / 2)
      }),
    )
  })
})
