import { expect, it } from 'vitest'
import { growingPatience } from './patience.ts'

it('doubles each time it is lost, up to eight times, and is as before when all was well for ten minutes', () => {
  let now = 0
  const patience = growingPatience({ troubleMs: 18, dockerMs: 9 }, { monotonic: () => now })
  const seen = [patience.now().dockerMs]
  for (let times = 0; times < 5; times++) {
    now += 60_000
    patience.lose()
    seen.push(patience.now().dockerMs)
  }
  expect(seen).toEqual([9, 18, 36, 72, 72, 72])
  expect(patience.now().troubleMs).toBe(144)
  now += 600_000
  expect(patience.now()).toEqual({ troubleMs: 18, dockerMs: 9 })
  patience.lose()
  expect(patience.now().dockerMs).toBe(18)
})
