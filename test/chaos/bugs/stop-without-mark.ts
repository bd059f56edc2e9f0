/** Stops and removes what the plan says, and leaves the store out of it. */
import { carryOut as carry } from '../../../src/act/carry-out.ts'

export * from '../../../src/act/carry-out.ts'

export const carryOut: typeof carry = (hands, action, ...rest) => {
  if (action.verb !== 'stop' && action.verb !== 'remove') return carry(hands, action, ...rest)
  const store = { ...hands.store, mark: async (_: string, mark: unknown) => mark }
  return carry({ ...hands, store: store as typeof hands.store }, action, ...rest)
}
