import { expect, test } from 'vitest'
import { afterLook, type ReconnectMemory, type Standing } from './reconnects.ts'

const STANDS: Standing = { kind: 'stands', publicIp: '198.51.100.7' }
const ELSEWHERE: Standing = { kind: 'stands', publicIp: '198.51.100.8' }
const NO_IP: Standing = { kind: 'stands', publicIp: '' }
const GONE: Standing = { kind: 'gone', publicIp: '' }
const UNSEEN: Standing = { kind: 'unseen', publicIp: '' }

function tell(...looks: readonly Standing[]): number | undefined {
  const first: ReconnectMemory | undefined = undefined
  return looks.reduce<ReconnectMemory | undefined>(
    (memory, look, index) => afterLook(memory, look, index),
    first,
  )?.reconnectedAt
}

test('a tunnel came back when it stands after it was gone', () => {
  expect(tell(STANDS, GONE)).toBeUndefined()
  expect(tell(STANDS, GONE, GONE, STANDS, STANDS)).toBe(3)
  expect(tell(STANDS, GONE, UNSEEN, STANDS)).toBe(3)
  expect(tell(STANDS, GONE, STANDS, GONE, STANDS)).toBe(4)
})

test('a tunnel came back when it has another address, though nobody saw it go', () => {
  expect(tell(STANDS, ELSEWHERE)).toBe(1)
  expect(tell(STANDS, UNSEEN, ELSEWHERE, ELSEWHERE)).toBe(2)
  expect(tell(STANDS, NO_IP, STANDS)).toBeUndefined()
  expect(tell(STANDS, NO_IP, ELSEWHERE)).toBe(2)
})

test('a first connect is no reconnect, and I9: not having seen is none', () => {
  expect(tell(GONE, GONE, STANDS)).toBeUndefined()
  expect(tell(STANDS, UNSEEN, UNSEEN, STANDS)).toBeUndefined()
})
