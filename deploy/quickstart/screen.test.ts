import { expect, test } from 'vitest'
import { makeScreen } from './screen.ts'

function paper(isTTY: boolean) {
  let text = ''
  const write = (more: string) => {
    text += more
    return true
  }
  const out = { isTTY, columns: 19, write }
  return { out: out as unknown as NodeJS.WriteStream, text: () => text }
}

test('without a terminal a status is printed when it changes, and lines hold no escape codes', () => {
  const { out, text } = paper(false)
  const screen = makeScreen(out)
  for (const status of ['1 of 2', '1 of 2', '2 of 2', '']) screen.status(status)
  screen.print('done')
  expect(text()).toBe('1 of 2\n2 of 2\ndone\n')
})

test('on a terminal the status stays below all lines, and never wraps', () => {
  const { out, text } = paper(true)
  const screen = makeScreen(out)
  screen.status('a status that is longer than the terminal')
  screen.print('a line')
  const shown = 'a status that is l'
  expect(text()).toBe(`\r\u001b[K${shown}\r\u001b[Ka line\n${shown}`)
})
