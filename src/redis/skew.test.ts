import { expect, test } from 'vitest'
import { moveSkew } from './skew.ts'

const look = (aheadMs: number, roundTripMs = 2) => ({
  serverMs: 1_000_000 + aheadMs - roundTripMs / 2,
  oursMs: 1_000_000,
  roundTripMs,
})

test('clocks that differ by little are the same', () => {
  expect(moveSkew(0, look(240))).toBe(0)
  expect(moveSkew(0, look(-240))).toBe(0)
})

test('a difference that matters is told, and stays until it changes by as much', () => {
  expect(moveSkew(0, look(5_000))).toBe(5_000)
  expect(moveSkew(0, look(-5_000))).toBe(-5_000)
  expect(moveSkew(5_000, look(5_200))).toBe(5_000)
  expect(moveSkew(5_000, look(4_700))).toBe(4_700)
  expect(moveSkew(5_000, look(100))).toBe(0)
})

test('a slow answer proves less than a quick one', () => {
  expect(moveSkew(0, look(900, 2_000))).toBe(0)
  expect(moveSkew(0, look(900, 20))).toBe(900)
})
