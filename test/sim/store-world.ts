import type { ContainerId } from '../../src/docker/port.ts'
import { type Database, openDatabase } from '../../src/store/embedded/database.ts'
import { beginIncarnation, readFleet } from '../../src/store/embedded/memory.ts'
import { MIGRATIONS } from '../../src/store/embedded/schema.ts'
import { embeddedStore } from '../../src/store/embedded/store.ts'
import { SILENCE_MS } from '../../src/store/limits.ts'
import type { Mark } from '../../src/store/mark.ts'
import {
  REPLICA_TTL_MS,
  RESERVATION_TTL_MS,
  type Replica,
  type Store,
} from '../../src/store/store.ts'
import type { Clock } from '../../src/time/clock.ts'

type Row = Readonly<Record<string, number | string | null>>

/** All that a store remembered at one moment. */
export type Copy = ReadonlyMap<string, readonly Row[]>

/** Nothing. */
export const BLANK: Copy = new Map()

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

/** Whether it answers; `frozen`: what is sent meanwhile is carried out when it goes on. */
export type StoreState = 'up' | 'refuses' | 'frozen'

export interface StoreWorldParts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** Whether it is the one process's file, which goes by that process's clock. */
  readonly isFile: boolean
  readonly onState: (state: StoreState) => void
  /** It has begun another incarnation. */
  readonly onOblivion: () => void
}

/**
 * The one store of a world, as a server that may be restarted empty, flushed, or replaced by a copy that misses the last
 * writes: then it begins another incarnation, and its clients go on against that. Its times are those of its own clock.
 */
export class StoreWorld implements AsyncDisposable {
  readonly #parts: StoreWorldParts
  #state: StoreState = 'up'
  #silentSince: number | undefined
  #waiting: (() => void)[] = []
  #database: Database
  #current: Store
  #incarnation = 0
  #aheadMs = 0
  /** Who announced what, and when: an embedded store has one user only, and keeps nothing of it. */
  readonly #replicas = new Map<string, { readonly replica: Replica; readonly at: number }>()
  /** Whatever is the store now. */
  readonly store: Store

  constructor(parts: StoreWorldParts) {
    this.#parts = parts
    // It has been there for long: claims are settled.
    this.#database = this.#open(this.now() - RESERVATION_TTL_MS)
    this.#current = this.#begin()
    const own: Partial<Store> = {
      announce: this.#announce,
      readFleet: (fleet) => this.#current.readFleet(fleet, this.now()),
      reserve: (fleet, wanted, maxStreams) =>
        this.#current.reserve(fleet, wanted, maxStreams, this.now()),
    }
    this.store = new Proxy(this.#current, {
      get: (_, name) => Reflect.get(own, name) ?? Reflect.get(this.#current, name),
    })
  }

  /** Unix ms by its own clock. */
  now(): number {
    return this.#parts.clock.now() + this.#aheadMs
  }

  /** How far its clock is ahead of the world's, ms. */
  get aheadMs(): number {
    return this.#aheadMs
  }

  /** Its clock is set. To a server a leap looks as if nobody had been heard for so long, as on Redis. */
  setClock(byMs: number): void {
    this.#aheadMs += byMs
    if (this.#parts.isFile) return
    const seemsSilent = byMs > SILENCE_MS
    this.#database.write('volatile', (sql) =>
      sql.run(
        'UPDATE meta SET born_at = ?1 WHERE ?2 OR born_at > ?1',
        this.now(),
        Number(seemsSilent),
      ),
    )
  }

  #begin(): Store {
    const { isFile, clock } = this.#parts
    const own = { now: () => this.now(), monotonic: () => clock.monotonic() }
    return embeddedStore(this.#database, isFile ? own : undefined)
  }

  get state(): StoreState {
    return this.#state
  }

  set state(state: StoreState) {
    if (state === this.#state) return
    this.#state = state
    if (state === 'up') this.#listenAgain()
    else this.#silentSince ??= this.#parts.clock.now()
    this.#parts.onState(state)
    if (state !== 'frozen') for (const goOn of this.#waiting.splice(0)) goOn()
  }

  readonly #announce = async (replica: Replica): ReturnType<Store['announce']> => {
    const now = this.#parts.clock.now()
    this.#replicas.set(replica.holder, { replica, at: now })
    const living = [...this.#replicas.values()].filter(({ at }) => now - at < REPLICA_TTL_MS)
    const glance = await this.#current.announce(replica)
    return {
      ...glance,
      replicas: living.map((each) => ({ ...each.replica, agoMs: now - each.at })),
    }
  }

  /** After a time in which no session could be renewed none may be taken for over, as on Redis. */
  #listenAgain(): void {
    const now = this.#parts.clock.now()
    const silentMs = now - (this.#silentSince ?? now)
    this.#silentSince = undefined
    if (silentMs > SILENCE_MS)
      this.#database.write('volatile', (sql) => sql.run('UPDATE meta SET born_at = ?', this.now()))
  }

  /** Resolves when it can carry something out. */
  whenUp(): Promise<void> {
    if (this.#state !== 'frozen') return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  marks(fleet: string): ReadonlyMap<ContainerId, Mark> {
    return this.#database.read((sql) => readFleet(sql, fleet, this.now())).marks
  }

  copy(): Copy {
    const read = (table: string) =>
      this.#database.read((sql) => sql.all(`SELECT * FROM ${table}`)) as readonly Row[]
    return new Map(tablesOf(this.#database).map((table) => [table, read(table)]))
  }

  /** It goes on as another incarnation that remembers no more than this. */
  become(copy: Copy): void {
    this.#database[Symbol.dispose]()
    this.#database = this.#open(this.now())
    fill(this.#database, copy)
    this.#replicas.clear()
    this.#current = this.#begin()
    this.#parts.onOblivion()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database[Symbol.dispose]()
  }

  #open(bornAt: number): Database {
    const database = openDatabase(':memory:')
    const name = `incarnation-${++this.#incarnation}`
    database.write('volatile', (sql) => {
      for (const step of MIGRATIONS) sql.script(step)
      beginIncarnation(sql, () => name, bornAt)
    })
    return database
  }
}
