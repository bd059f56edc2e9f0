import assert from 'node:assert/strict'
import { chmodSync, statSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { StoreUnavailable } from '../errors.ts'
import { asStoreFault, poisons } from './fault.ts'

/** Statements inside one transaction. Texts are constants: each is prepared once per connection. */
export interface Sql {
  /** The first row, or undefined. */
  get(text: string, ...values: SQLInputValue[]): unknown
  all(text: string, ...values: SQLInputValue[]): readonly unknown[]
  run(text: string, ...values: SQLInputValue[]): void
  /** Many statements at once, unprepared. */
  script(text: string): void
}

/**
 * What a power cut may take. `durable`: nothing that was answered. `volatile`: the last moments of what is renewed or
 * computed anew within seconds; spares an fsync per renewal, which on an SD card stalls the process for tens of ms.
 * A crash of the process alone takes nothing in either.
 */
export type Durability = 'durable' | 'volatile'

/** Readers beside a running server see its last commit, and hold up nobody. */
export type Access = 'read' | 'write'

/** Nobody else writes, but a curious `sqlite3` may for a moment; the whole process waits meanwhile, ms. */
const BUSY_TIMEOUT_MS = 200

/** One SQLite connection. All calls are synchronous, so no two transactions ever interleave. */
export interface Database extends Disposable {
  /** @throws {StoreUnavailable} */
  read<T>(work: (sql: Sql) => T): T
  /** All of `work` or nothing. @throws {StoreUnavailable} */
  write<T>(durability: Durability, work: (sql: Sql) => T): T
}

interface Connection {
  readonly raw: DatabaseSync
  readonly sql: Sql
  synchronous: Durability | undefined
  /** Which file this is, by device and inode: a path may come to name another. */
  readonly identity: string | undefined
}

function fileIdentity(file: string): string | undefined {
  if (file === ':memory:') return undefined
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? 'none' : `${found.dev}:${found.ino}`
}

function prepareOnce(raw: DatabaseSync): Sql {
  const prepared = new Map<string, StatementSync>()
  const statement = (text: string) => {
    const known = prepared.get(text)
    if (known !== undefined) return known
    const fresh = raw.prepare(text)
    prepared.set(text, fresh)
    return fresh
  }
  return {
    get: (text, ...values) => statement(text).get(...values),
    all: (text, ...values) => statement(text).all(...values),
    run: (text, ...values) => {
      statement(text).run(...values)
    },
    script: (text) => raw.exec(text),
  }
}

/** Specs may carry secrets in env. Done before anything else: the files beside the database get its mode when made. */
function closeToOthers(file: string): void {
  try {
    chmodSync(file, 0o600)
  } catch {
    // It belongs to another user who lets us write it: that is their arrangement.
  }
}

function connect(file: string, access: Access): Connection {
  const raw = new DatabaseSync(file, { readOnly: access === 'read', timeout: BUSY_TIMEOUT_MS })
  try {
    if (access === 'write') {
      if (file !== ':memory:') closeToOthers(file)
      raw.exec('PRAGMA journal_mode = WAL')
      raw.exec('PRAGMA journal_size_limit = 4194304')
    }
    return {
      raw,
      sql: prepareOnce(raw),
      synchronous: undefined,
      identity: fileIdentity(file),
    }
  } catch (error) {
    raw.close()
    throw error
  }
}

/** Opens `file`, or a database that lives only as long as this process for `:memory:`. @throws {StoreUnavailable} */
export function openDatabase(file: string, access: Access = 'write'): Database {
  // Undefined after an error that poisons the connection, until the next call opens a new one.
  let connection: Connection | undefined
  let closed = false
  let identity: string | undefined

  function checkSameFile(): void {
    if (identity === undefined || fileIdentity(file) === identity) return
    throw new StoreUnavailable(
      `store unavailable: ${file} was removed or replaced while in use: put it back, or restart acefleet to begin anew`,
    )
  }

  function current(): Connection {
    if (closed) throw new StoreUnavailable(`store unavailable: ${file} has been closed`)
    // Before opening, too: a missing file would be created empty, and the store would have forgotten silently.
    checkSameFile()
    connection ??= connect(file, access)
    return connection
  }

  function abandon({ raw }: Connection, error: unknown): void {
    try {
      if (raw.isTransaction) raw.exec('ROLLBACK')
    } catch {
      // The connection is dropped below, which rolls back as well.
    }
    // After a failed fsync what this connection has cached and what the disk holds may differ; a new one reads the disk.
    if (file === ':memory:' || !(raw.isTransaction || poisons(error))) return
    connection = undefined
    try {
      raw.close()
    } catch {
      // What made it unusable is on its way to the caller.
    }
  }

  function transact<T>(durability: Durability | 'read', work: (sql: Sql) => T): T {
    let used: Connection | undefined
    try {
      used = current()
      assert.ok(!used.raw.isTransaction, 'transactions do not nest')
      if (durability !== 'read' && used.synchronous !== durability) {
        used.raw.exec(`PRAGMA synchronous = ${durability === 'durable' ? 'FULL' : 'NORMAL'}`)
        used.synchronous = durability
      }
      used.raw.exec(durability === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
      const result = work(used.sql)
      used.raw.exec('COMMIT')
      return result
    } catch (error) {
      if (used !== undefined) abandon(used, error)
      throw asStoreFault(error, file)
    }
  }

  try {
    connection = connect(file, access)
    identity = connection.identity
  } catch (error) {
    throw asStoreFault(error, file)
  }
  return {
    read: (work) => transact('read', work),
    write: (durability, work) => transact(durability, work),
    [Symbol.dispose]() {
      closed = true
      connection?.raw.close()
      connection = undefined
    },
  }
}
