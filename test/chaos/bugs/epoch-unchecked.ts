/** Writes into the store whatever term has been opened since. */
import type { fencedScript as fenced } from '../../../src/store/redis/epoch.ts'
import { type LuaPart, storeScript } from '../../../src/store/redis/script.ts'

export * from '../../../src/store/redis/epoch.ts'

/** Names what the fence names, and does nothing with it. */
const NO_FENCE: LuaPart<'fleet' | 'epoch'> = {
  keys: ['epochs', 'holders'],
  args: ['fleet', 'epoch'],
  lua: '',
}

export const fencedScript: typeof fenced = <A extends string = never>(
  name: string,
  ...parts: readonly LuaPart<A>[]
) => storeScript<A | 'fleet' | 'epoch'>(name, NO_FENCE, ...parts)
