import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../time/clock.ts'
import { StoreUnavailable } from '../errors.ts'
import type { Store } from '../store.ts'
import { type Database, openDatabase, type Sql } from './database.ts'
import { prepareFile } from './directory.ts'
import { damaged } from './fault.ts'
import { beginIncarnation } from './memory.ts'
import { MIGRATIONS } from './schema.ts'
import { embeddedStore } from './store.ts'

/** The database's file inside the data directory. */
export const STORE_FILE = 'store.db'

/** `application_id` in the file's header, by which a file of ours is known: 'ACEF'. */
const APPLICATION_ID = 0x41434546

export interface EmbeddedStoreOptions {
  /** The data directory, made when absent; or `:memory:` for a store that ends with its process. */
  readonly dir: string
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** Names a new incarnation; called only when the store is new. */
  readonly newId: () => string
  /** To look at a store that a running server may have open: nothing is made, migrated or written. */
  readonly readOnly?: boolean | undefined
}

const pragmaSchema = z.record(z.string(), z.union([z.number(), z.string()]))

function pragma(sql: Sql, name: string): number | string {
  const [value] = Object.values(pragmaSchema.parse(sql.get(`PRAGMA ${name}`)))
  return value ?? 0
}

/** The format of a file that is whole and ours, 0 of a new one. Anything else is refused, and left as it is. */
function checkFile(sql: Sql, file: string): number {
  const version = Number(pragma(sql, 'user_version'))
  const isEmpty = sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined
  if (!isEmpty && pragma(sql, 'application_id') !== APPLICATION_ID) {
    throw new StoreUnavailable(
      `store unavailable: ${file} is a database of some other program: choose another --data DIR`,
    )
  }
  if (version > MIGRATIONS.length) {
    throw new StoreUnavailable(
      `store unavailable: ${file} was written by a newer acefleet (format ${version}, this one knows ` +
        `${MIGRATIONS.length}): run that version again, or choose another --data DIR`,
    )
  }
  const verdict = pragma(sql, 'quick_check(1)')
  if (verdict !== 'ok') throw damaged(file, String(verdict))
  return version
}

function migrate(database: Database, version: number): void {
  for (const [done, step] of MIGRATIONS.entries()) {
    if (done < version) continue
    database.write('durable', (sql) => {
      sql.script(step)
      sql.script(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${done + 1}`)
    })
  }
}

function openReadOnly(dir: string): Store {
  const file = join(dir, STORE_FILE)
  return opened(openDatabase(file, 'read'), (database) => {
    const version = database.read((sql) => checkFile(sql, file))
    if (version < MIGRATIONS.length) {
      throw new StoreUnavailable(
        `store unavailable: ${file} was written by an older acefleet: \`acefleet run\` brings it up to date`,
      )
    }
  })
}

function opened(
  database: Database,
  prepare: (database: Database) => void,
  clock?: EmbeddedStoreOptions['clock'],
): Store {
  try {
    prepare(database)
    return embeddedStore(database, clock)
  } catch (error) {
    database[Symbol.dispose]()
    throw error
  }
}

/**
 * Opens the embedded store. To write to a file, the caller holds the data directory (`holdDataDir`) before and until after.
 * Rejects with {@link StoreUnavailable}, saying how to mend it, when the file cannot be used; it is never deleted.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  if (options.readOnly) return openReadOnly(options.dir)
  const file = options.dir === ':memory:' ? ':memory:' : prepareFile(options.dir, STORE_FILE)
  const prepare = (database: Database) => {
    migrate(
      database,
      database.read((sql) => checkFile(sql, file)),
    )
    // Also finds out at once that nothing can be written, whether or not there is something to write.
    database.write('durable', (sql) => beginIncarnation(sql, options.newId, options.clock.now()))
  }
  return opened(openDatabase(file), prepare, options.clock)
}
