import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quote, type Say } from '../setup/root.ts'
import { type Child, launch } from './child.ts'
import { demo } from './demo.ts'

const main = join(fileURLToPath(new URL('../..', import.meta.url)), 'src/main.ts')

/** The words after `acefleet`: the demo's spec, and what tells one process from another. */
export function runWords(port: number, more: readonly string[]): readonly string[] {
  const listen = `127.0.0.1:${port}`
  return ['run', '--spec', demo.spec, ...more, '--instance', demo.instance, '--listen', listen]
}

/** Starts `acefleet run`, as a user would, with its log in a file. */
export function startAcefleet(words: readonly string[], logFile: string, say: Say): Child {
  say(`Starting: npx acefleet ${words.map(quote).join(' ')}`)
  return launch([process.execPath, main, ...words], logFile)
}
