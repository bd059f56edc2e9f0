import { describe, expect, it } from 'vitest'
import { DEBOUNCE_MS, makeSettler, SUSPECT_MS } from './settle.ts'
import type { Reading } from './spec-files.ts'

const fleet = (name: string, replicas: number) => `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  vpn: {mode: none}
`
const WHOLE = fleet('a', 1)
const CHANGED = fleet('a', 2)

let writes = 0
function reading(text: string, stamp = `${++writes}`): Reading {
  return { file: 'a.yaml', stamp, writtenAt: 0, content: { text } }
}

/** A settler that has counted `text`, and what it counts after each of a list of looks. */
function lookAfter(text: string, looks: readonly (readonly [number, Reading | undefined])[]) {
  const settler = makeSettler(() => true)
  const first = reading(text)
  settler.look(new Map([['a.yaml', first]]), 0)
  return looks.map(([at, next]) => {
    const readings = new Map(next === undefined ? [] : [['a.yaml', next] as const])
    const { counted, changed } = settler.look(readings, at)
    const content = counted.get('a.yaml')?.content
    const shown = content === undefined ? 'gone' : 'text' in content ? content.text : 'problem'
    return { shown, changed: changed.length > 0 }
  })
}

describe('a file', () => {
  it('counts at once when it was there and old at the first look', () => {
    const settler = makeSettler(() => true)
    expect(settler.look(new Map([['a.yaml', reading(WHOLE)]]), 0)).toMatchObject({
      changed: ['a.yaml'],
      unsettled: [],
      dueInMs: undefined,
    })
  })

  it('waits when it was written a moment before the first look', () => {
    const settler = makeSettler(() => false)
    const half = reading(WHOLE)
    const first = settler.look(new Map([['a.yaml', half]]), 0)
    expect(first).toMatchObject({ changed: [], unsettled: ['a.yaml'], dueInMs: DEBOUNCE_MS })
    expect(settler.look(new Map([['a.yaml', half]]), DEBOUNCE_MS).changed).toEqual(['a.yaml'])
  })

  it('counts once it has stood still for the debounce', () => {
    const next = reading(CHANGED)
    expect(
      lookAfter(WHOLE, [
        [10, next],
        [DEBOUNCE_MS, next],
        [DEBOUNCE_MS + 10, next],
        [999, next],
      ]),
    ).toEqual([
      { shown: WHOLE, changed: false },
      { shown: WHOLE, changed: false },
      { shown: CHANGED, changed: true },
      { shown: CHANGED, changed: false },
    ])
  })

  it('starts to wait anew with every write, also one of equal size and content', () => {
    const [one, two] = [reading(CHANGED), reading(CHANGED)]
    const looks = lookAfter(WHOLE, [
      [10, one],
      [150, two],
      [200, two],
      [300, two],
    ])
    expect(looks.map(({ changed }) => changed)).toEqual([false, false, false, true])
  })

  it('counts when only its time has changed: somebody saved it once more', () => {
    const again = reading(WHOLE)
    expect(
      lookAfter(WHOLE, [
        [0, again],
        [DEBOUNCE_MS, again],
      ])[1],
    ).toEqual({ shown: WHOLE, changed: true })
  })

  it.each([
    ['emptied', ''],
    ['cut short', WHOLE.slice(0, 70)],
    ['cut short at a line’s end', WHOLE.slice(0, WHOLE.indexOf('spec:'))],
    ['without a final line break', CHANGED.trimEnd()],
    ['broken', CHANGED.replace('metadata', '\tmetadata')],
    ['invalid', fleet('a', -1)],
  ])('%s waits until it can no longer be half-written', (_, text) => {
    const half = reading(text)
    const looks = lookAfter(WHOLE, [
      [0, half],
      [DEBOUNCE_MS, half],
      [SUSPECT_MS - 1, half],
      [SUSPECT_MS, half],
    ])
    expect(looks.map(({ shown }) => shown)).toEqual([WHOLE, WHOLE, WHOLE, text])
  })

  it('that lost a document waits as well', () => {
    const two = `${WHOLE}---\n${fleet('b', 1).replace('none}', 'none}\n  network: {ports: 20000-20099}')}`
    const one = reading(two.slice(two.indexOf('---\n')))
    const looks = lookAfter(two, [
      [0, one],
      [DEBOUNCE_MS, one],
      [SUSPECT_MS, one],
    ])
    expect(looks.map(({ changed }) => changed)).toEqual([false, false, true])
  })

  it('that is gone for a moment, as while an editor replaces it, never stopped counting', () => {
    const next = reading(CHANGED)
    const looks = lookAfter(WHOLE, [
      [0, undefined],
      [DEBOUNCE_MS, undefined],
      [DEBOUNCE_MS + 20, next],
      [400, next],
    ])
    expect(looks.map(({ shown }) => shown)).toEqual([WHOLE, WHOLE, WHOLE, CHANGED])
  })

  it('that stays gone is gone', () => {
    const looks = lookAfter(WHOLE, [
      [0, undefined],
      [SUSPECT_MS, undefined],
    ])
    expect(looks.at(-1)).toEqual({ shown: 'gone', changed: true })
  })

  it('that is written without end holds up no other', () => {
    const settler = makeSettler(() => true)
    settler.look(new Map([['a.yaml', reading(WHOLE)]]), 0)
    const other: Reading = { ...reading(fleet('b', 1)), file: 'b.yaml' }
    const at = (ms: number) =>
      settler.look(
        new Map([
          ['a.yaml', reading(WHOLE)],
          ['b.yaml', other],
        ]),
        ms,
      )
    at(100)
    expect(at(300).changed).toEqual(['b.yaml'])
  })
})
