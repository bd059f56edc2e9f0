import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { SetupError } from './setup-error.ts'

/** Gets one line for people per step. */
export type Say = (line: string) => void

/** Debian keeps daemons here, and an ordinary user's PATH leaves it out. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** The path of a program, system programs included. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...systemFolders]
  return folders.map((folder) => join(folder, name)).find(existsSync)
}

/** Runs a command as root, directly or through sudo, after saying so (`shown`, where the command itself is long). Its stdout is returned. */
export function asRoot(
  command: readonly string[],
  purpose: string,
  say: Say,
  shown = command.map(quote).join(' '),
): string {
  const isRoot = process.getuid?.() === 0
  const prefix = isRoot ? [] : sudo(purpose)
  say(`${purpose}: ${[...prefix, shown].join(' ')}`)
  const [program = '', ...args] = [...prefix, ...command]
  const { status, stdout, error } = spawnSync(program, args, {
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status === 0) return stdout
  const tail = stdout.split('\n').slice(-10).join('\n')
  throw new SetupError(
    `${purpose}: ${command[0]} failed${error ? `: ${error.message}` : ''}\n${tail}`,
  )
}

/** How this user becomes root. */
function sudo(purpose: string): string[] {
  if (findProgram('sudo') === undefined) {
    throw new SetupError(
      `${purpose} needs root: there is no sudo here, so run the command as root.`,
    )
  }
  // Without a terminal nobody could type a password.
  return process.stdin.isTTY ? ['sudo'] : ['sudo', '-n']
}

/** A word as a shell reads it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
