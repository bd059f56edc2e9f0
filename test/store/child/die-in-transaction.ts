/* Kills itself, without warning, in the middle of a transaction on the store of argv[2]. */
import { openDatabase } from '../../../src/store/embedded/database.ts'

const [, , file = ''] = process.argv
const database = openDatabase(file)
const insert = `INSERT INTO event (at, first_at, count, fleet, type, reason, message)
  VALUES (1, 1, 1, 'home', 'Normal', 'Scaled', ?)`
database.write('durable', (sql) => sql.run(insert, 'whole'))
database.write('durable', (sql) => {
  // More than SQLite's page cache holds, so that pages reach the disk before the commit.
  for (let n = 0; n < 5000; n++) sql.run(insert, `half ${n} ${'x'.repeat(2000)}`)
  console.log(JSON.stringify('in the middle'))
  process.kill(process.pid, 'SIGKILL')
})
