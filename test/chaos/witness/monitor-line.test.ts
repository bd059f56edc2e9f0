import { expect, test } from 'vitest'
import { readMonitorLine } from './monitor-line.ts'

test('a command of a script is read with its time and its arguments as they were', () => {
  const line =
    '+1339518083.107412 [0 lua] "HSET" "acefleet:a:fleet:b:marks" "id" "{\\"kind\\":\\"failed\\",\\"at\\":\\"1\\"}"'
  expect(readMonitorLine(line)).toEqual({
    at: 1339518083107.412,
    isScript: true,
    name: 'hset',
    args: ['acefleet:a:fleet:b:marks', 'id', '{"kind":"failed","at":"1"}'],
  })
})

test('a command of a client is told from one of a script, and escapes are undone', () => {
  const line = '+1.5 [0 127.0.0.1:60866] "set" "a b" "x\\\\y\\n\\xe9\\""'
  expect(readMonitorLine(line)).toMatchObject({ isScript: false, args: ['a b', 'x\\y\né"'] })
})

test('what is no command is none', () => {
  expect(readMonitorLine('+OK')).toBeUndefined()
})
