import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openEmbeddedStore } from '../../src/store/embedded/open.ts'
import { MIGRATIONS } from '../../src/store/embedded/schema.ts'
import { draining, event, FLEET, leadFrom, T0 } from '../conformance/store/sample.ts'
import { open, refusal, useDataDir } from './data-dir.ts'

const dir = useDataDir()

/** Changes the closed store's file behind its back. */
function tamper(sql: string): void {
  const database = new DatabaseSync(join(dir.path, 'store.db'))
  database.exec(sql)
  database.close()
}

async function closed(): Promise<string> {
  await using store = await open(dir.path)
  await store.mark(FLEET, draining(await leadFrom(store)))
  return join(dir.path, 'store.db')
}
describe('a file that cannot be used is refused, explained and left as it is', () => {
  it('when a newer version wrote it', async () => {
    const file = await closed()
    tamper(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    const before = readFileSync(file)
    expect(await refusal(open(dir.path))).toMatch(/newer acefleet .*run that version again/s)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('when it is some other program’s database', async () => {
    tamper('CREATE TABLE theirs (a)')
    expect(await refusal(open(dir.path))).toContain('some other program')
    tamper('SELECT a FROM theirs')
  })

  it('when it is no database at all', async () => {
    const file = join(dir.path, 'store.db')
    writeFileSync(file, 'not a database, '.repeat(1000))
    const message = await refusal(open(dir.path))
    expect(message).toContain(`mv ${file}* `)
    expect(readFileSync(file, 'utf8')).toBe('not a database, '.repeat(1000))
  })

  it('when pages in its middle are damaged; moved aside as told, acefleet begins anew', async () => {
    {
      await using store = await open(dir.path)
      await store.appendEvents(Array.from({ length: 500 }, (_, n) => event({ message: `m${n}` })))
    }
    const file = join(dir.path, 'store.db')
    const bytes = readFileSync(file)
    bytes.fill(0xff, 4096 * 3, bytes.length - 4096)
    writeFileSync(file, bytes)
    const message = await refusal(open(dir.path))
    expect(message).toContain('is damaged')
    expect(readFileSync(file).equals(bytes)).toBe(true)

    const [, mend = ''] = /`(mkdir .*?)`/.exec(message) ?? []
    expect(spawnSync('sh', ['-ec', mend]).status).toBe(0)
    await using anew = await open(dir.path, 'anew')
    expect((await anew.readFleet(FLEET, T0)).incarnation).toBe('anew')
    expect(existsSync(join(dir.path, 'damaged', 'store.db'))).toBe(true)
  })

  it('when a record cannot be read, for that read alone', async () => {
    await closed()
    tamper(`UPDATE fleet SET status = '{"half":'; UPDATE mark SET kind = 'odd'`)
    await using store = await open(dir.path)
    expect(await refusal(store.statuses())).toContain('cannot be read')
    expect(await refusal(store.readFleet(FLEET, T0))).toContain('cannot be read')
    expect(await store.events({})).toEqual([])
  })

  it('when the data directory is a file, or where nobody can make one', async () => {
    const file = join(dir.path, 'plain')
    writeFileSync(file, '')
    expect(await refusal(open(file))).toMatch(/cannot be used .* --data DIR/s)
    expect(await refusal(open(join(file, 'below')))).toContain('cannot be used')
    expect(await refusal(open('/proc/acefleet/data'))).toContain('cannot be used')
  })

  it('while another program has it locked, and no longer', async () => {
    await closed()
    await using store = await open(dir.path)
    const other = new DatabaseSync(join(dir.path, 'store.db'))
    other.exec('BEGIN IMMEDIATE')
    expect(await refusal(store.appendEvents([event()]))).toContain('locked by another program')
    expect(await store.events({})).toEqual([])
    other.close()
    await store.appendEvents([event()])
    expect(await store.events({})).toHaveLength(1)
  })
})

describe('a store opened to be looked at', () => {
  const look = () =>
    openEmbeddedStore({
      dir: dir.path,
      clock: { now: () => T0, monotonic: () => 0 },
      newId: () => '',
      readOnly: true,
    })

  it('sees what a running server has written so far, holds it up in nothing, and writes nothing', async () => {
    await using server = await open(dir.path)
    const epoch = await leadFrom(server)
    await using reader = await look()
    await server.mark(FLEET, draining(epoch))
    expect(await reader.readFleet(FLEET, T0)).toEqual(await server.readFleet(FLEET, T0))
    expect(await refusal(reader.appendEvents([event()]))).toContain('cannot be written')
    await server.appendEvents([event()])
    expect(await reader.events({})).toHaveLength(1)
  })

  it('sees what a server left behind', async () => {
    await closed()
    await using reader = await look()
    expect((await reader.readFleet(FLEET, T0)).marks.size).toBe(1)
  })

  it('is refused where there is none, and makes none', async () => {
    expect(await refusal(look())).toContain('cannot be opened')
    expect(readdirSync(dir.path)).toEqual([])
    tamper('')
    expect(await refusal(look())).toContain('older acefleet')
  })
})
