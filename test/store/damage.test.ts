import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../src/store/embedded/schema.ts'
import { draining, event, FLEET, leadFrom, T0 } from '../conformance/store/sample.ts'
import { script, startChild } from './child.ts'
import { open, PATIENCE_MS, refusal, useDataDir } from './data-dir.ts'

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

  it(
    'when another process has it open, even without the lock of the data directory',
    async () => {
      await using child = startChild(script('mark-until-killed.ts', dir.path))
      await child.next()
      expect(await refusal(open(dir.path))).toContain('held by another program')
    },
    PATIENCE_MS,
  )
})
