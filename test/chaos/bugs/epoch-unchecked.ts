/** Writes into the store whatever term has been opened since. */
import type { fencedScript as fenced } from '../../../src/store/redis/epoch.ts'
import { storeScript } from '../../../src/store/redis/script.ts'

export * from '../../../src/store/redis/epoch.ts'

export const fencedScript: typeof fenced = (name, ...parts) => {
  const takesBoth = { keys: ['epochs', 'holders'], args: ['fleet', 'epoch'], lua: '' } as const
  return storeScript(name, takesBoth, ...parts) as ReturnType<typeof fenced<never>> as never
}
