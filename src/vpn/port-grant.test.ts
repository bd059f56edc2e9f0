import { expect, test } from 'vitest'
import { afterPortLook, type PortLook } from './port-grant.ts'

const look = (told?: readonly number[], kind: PortLook['kind'] = 'stands') => ({ kind, told })

/** What is known after looks at 1, 2, 3 … */
function after(...looks: readonly PortLook[]) {
  return looks.reduce<ReturnType<typeof afterPortLook>>(
    (before, each, index) => afterPortLook(before, each, index + 1),
    undefined,
  )
}

test('a port counts as granted from when it was first seen, whatever its number', () => {
  expect(after(look([]), look([45_000]), look([45_001]))).toEqual({ isGranted: true, since: 2 })
})

test('it counts as missing from when the tunnel was first seen to stand without one', () => {
  expect(after(look(undefined, 'unseen'), look([]), look([]))).toEqual({
    isGranted: false,
    since: 2,
  })
})

test('blindness changes nothing (I9)', () => {
  const blind = [look(undefined), look(undefined, 'unseen')]
  expect(after(look([]), ...blind, look([]))).toEqual({ isGranted: false, since: 1 })
})

test('a tunnel that went and came back has its whole time again', () => {
  expect(after(look([]), look([], 'gone'))).toBeUndefined()
  expect(after(look([]), look([], 'gone'), look([]))).toEqual({ isGranted: false, since: 3 })
})
