import type { Store } from '../../src/store/store.ts'
import { serverTime } from './server-time.ts'
import type { StoreWorld } from './store-world.ts'

type AnyMethod = (...args: unknown[]) => Promise<unknown>

/** The store as the world itself uses it: at once, and knowing at every moment what the server's clock shows. */
export function nearStore(store: Store, server: Pick<StoreWorld, 'aheadMs'>): Store {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name)
      if (typeof name === 'symbol') return method
      return async (...args: unknown[]) => {
        const time = serverTime(-server.aheadMs)
        const sent = time.sent(name, args)
        return time.heard(name, await (method as AnyMethod).apply(target, [...sent]))
      }
    },
  })
}
