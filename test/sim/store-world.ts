import { type Database, openDatabase } from '../../src/store/embedded/database.ts'
import { beginIncarnation } from '../../src/store/embedded/memory.ts'
import { MIGRATIONS } from '../../src/store/embedded/schema.ts'
import { embeddedStore } from '../../src/store/embedded/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Clock } from '../../src/time/clock.ts'

type Row = Readonly<Record<string, number | string | null>>

/** All that a store remembered at one moment. */
export type Copy = ReadonlyMap<string, readonly Row[]>

/** Not remembered: which incarnation it is. */
const OWN_TABLES: ReadonlySet<string> = new Set(['meta'])

function tablesOf(database: Database): readonly string[] {
  const rows = database.read((sql) =>
    sql.all(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`),
  )
  return rows.map((row) => (row as { name: string }).name).filter((name) => !OWN_TABLES.has(name))
}

function fill(database: Database, copy: Copy): void {
  database.write('volatile', (sql) => {
    for (const [table, rows] of copy)
      for (const row of rows) {
        const columns = Object.keys(row)
        const places = columns.map(() => '?').join(', ')
        sql.run(
          `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${places})`,
          ...Object.values(row),
        )
      }
  })
}

/**
 * The one store of a world, as a server that may be restarted empty, flushed, or replaced by a copy that misses the last
 * writes: then it begins another incarnation, and its clients go on against that.
 */
export class StoreWorld implements AsyncDisposable {
  readonly #clock: Pick<Clock, 'now'>
  #database: Database
  #current: Store
  #incarnation = 0
  /** Whatever is the store now. */
  readonly store: Store

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#database = this.#open()
    this.#current = embeddedStore(this.#database)
    this.store = new Proxy(this.#current, {
      get: (_, name) => Reflect.get(this.#current, name),
    })
  }

  /** 1, 2, 3 … */
  get incarnation(): number {
    return this.#incarnation
  }

  copy(): Copy {
    const read = (table: string) =>
      this.#database.read((sql) => sql.all(`SELECT * FROM ${table}`)) as readonly Row[]
    return new Map(tablesOf(this.#database).map((table) => [table, read(table)]))
  }

  /** It goes on as another incarnation that remembers no more than this. */
  become(copy: Copy): void {
    this.#database[Symbol.dispose]()
    this.#database = this.#open()
    fill(this.#database, copy)
    this.#current = embeddedStore(this.#database)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database[Symbol.dispose]()
  }

  #open(): Database {
    const database = openDatabase(':memory:')
    const name = `incarnation-${++this.#incarnation}`
    database.write('volatile', (sql) => {
      for (const step of MIGRATIONS) sql.script(step)
      beginIncarnation(sql, () => name, this.#clock.now())
    })
    return database
  }
}
