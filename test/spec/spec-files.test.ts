import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadSpecs } from '../../src/spec/load.ts'
import { formatProblem } from '../../src/spec/problem.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'acefleet-specs-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const SOUND =
  'apiVersion: acefleet/v1\nkind: EngineFleet\nmetadata: {name: a}\nspec: {replicas: 1, vpn: {mode: none}}\n'

function put(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const problemsOf = async (...paths: string[]) =>
  (await loadSpecs(paths)).problems.map((each) => formatProblem(each).replaceAll(`${folder}/`, ''))

it('a missing path, a path through a file and an empty folder each say so', async () => {
  const file = put('a.yaml', SOUND)
  mkdirSync(join(folder, 'empty'))
  expect(
    await problemsOf(join(folder, 'none'), join(file, 'b.yaml'), join(folder, 'empty')),
  ).toEqual([
    'a.yaml/b.yaml: does not exist: create it, or correct the path',
    'empty: holds no *.yaml or *.yml file: put an EngineFleet document there',
    'none: does not exist: create it, or correct the path',
  ])
})

it('a file that is named twice, by its folder, itself and a link, is read once', async () => {
  const file = put('a.yaml', SOUND)
  symlinkSync(file, join(folder, 'b.yaml'))
  const { fleets, problems } = await loadSpecs([folder, file, join(folder, '.')])
  expect(problems).toEqual([])
  expect(fleets.map(({ source }) => source)).toEqual([file])
})

it('bytes that are no UTF-8 are shown where they are', async () => {
  put('a.yaml', Buffer.from('a: b\nc: \xff\n', 'latin1'))
  expect(await problemsOf(folder)).toEqual(['a.yaml:2:4: is not UTF-8: save the file as UTF-8'])
})

it('a byte order mark and Windows line ends do no harm', async () => {
  put('a.yaml', `\uFEFF${SOUND.replaceAll('\n', '\r\n')}`)
  const { fleets, problems } = await loadSpecs([folder])
  expect(problems).toEqual([])
  expect(fleets).toHaveLength(1)
})

it('a huge file, a folder with a file’s name and a link to nowhere are refused, and the others read', async () => {
  put('a.yaml', SOUND)
  put('b.yaml', Buffer.alloc(300 * 1024, '#'))
  mkdirSync(join(folder, 'c.yaml'))
  symlinkSync('nowhere', join(folder, 'd.yaml'))
  symlinkSync('e.yaml', join(folder, 'e.yaml'))
  expect(await problemsOf(folder)).toEqual([
    'b.yaml: is larger than 256 KiB: split it into several files',
    'c.yaml: is a folder: a spec is a text file',
    'd.yaml: does not exist: create it, or correct the path',
    'e.yaml: is a link that leads back to itself: mend the link',
  ])
  expect((await loadSpecs([folder])).fleets).toHaveLength(1)
})

it('the largest and nastiest file that is read takes no minutes', async () => {
  const size = 255 * 1024
  put(
    'keys.yaml',
    Array.from({ length: size / 9 }, (_, index) => `k${String(index).padStart(5, '0')}: `).join(
      '\n',
    ),
  )
  put('aliases.yaml', `a: &a 1\nb: [${'*a,'.repeat(size / 4)}]\n`)
  put('deep.yaml', '['.repeat(size))
  put('documents.yaml', '---\na\n'.repeat(size / 7))
  expect((await loadSpecs([folder])).problems.length).toBeGreaterThan(4)
}, 120_000)
