/* Holds the directory argv[2] until killed, or says why it cannot. */
import { hostname } from 'node:os'
import { holdDataDir } from '../../../src/lease/data-dir.ts'

try {
  const [, , dir = ''] = process.argv
  const identity = {
    host: hostname(),
    pid: process.pid,
    since: 1_780_000_000_000,
    command: 'child hold',
  }
  const lock = holdDataDir(dir, identity)
  lock.assertHeld()
  console.log(JSON.stringify({ held: true }))
  setInterval(() => lock.assertHeld(), 1000)
} catch (error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  console.log(JSON.stringify({ held: false, name, message }))
}
