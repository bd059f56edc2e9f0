import type { RedisScript } from '../../redis/port.ts'
import { INCARNATION } from './incarnation.ts'
import type { KeyName } from './keys.ts'

/** A piece of Lua with the keys and arguments that it names, which are its local variables. */
export interface LuaPart<A extends string = string> {
  readonly keys: readonly KeyName[]
  readonly args: readonly A[]
  readonly lua: string
}

/** One atomic step of the store. Its first two arguments are the server's run id and a candidate's name. */
export interface StoreScript<A extends string = string> {
  readonly script: RedisScript
  readonly keys: readonly KeyName[]
  /** Behind the first two. */
  readonly args: readonly A[]
}

function declare(names: readonly string[], table: 'KEYS' | 'ARGV'): string {
  return `local ${names.join(', ')} = ${names.map((_, n) => `${table}[${n + 1}]`).join(', ')}`
}

/**
 * Composes a script: first of all the incarnation, then the parts one after the other; the last one answers, a word first.
 * Beside the names there is `REST`, the index of the first argument behind the named ones.
 */
export function storeScript<A extends string>(
  name: string,
  ...parts: readonly LuaPart<A>[]
): StoreScript<A> {
  const keys = [...new Set([INCARNATION, ...parts].flatMap((part) => part.keys))]
  const args = [...new Set(parts.flatMap((part) => part.args))]
  const all = [...INCARNATION.args, ...args]
  const source = [
    `-- acefleet store: ${name}`,
    declare(keys, 'KEYS'),
    declare(all, 'ARGV'),
    `local REST = ${all.length + 1}`,
    INCARNATION.lua.trim(),
    ...parts.map((part) => part.lua.trim()),
  ]
  return { script: { name, source: source.join('\n') }, keys, args }
}
