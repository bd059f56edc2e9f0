/** A seeded bug: one module of the product that another one takes the place of, in the controller's process only. */
export interface SeededBug {
  /** Below the repository's root. */
  readonly product: string
  /** Beside this file; exports all that the product's does. */
  readonly by: string
}

export const BUGS: Readonly<Record<string, SeededBug>> = {
  'timer-only': { product: 'src/lease/tenure.ts', by: 'timer-only.ts' },
  using: { product: 'src/lease/keeper.ts', by: 'using.ts' },
  'rm-on-409': { product: 'src/docker/dockerode.ts', by: 'rm-on-409.ts' },
  'epoch-unchecked': { product: 'src/store/redis/epoch.ts', by: 'epoch-unchecked.ts' },
  'stop-without-mark': { product: 'src/act/carry-out.ts', by: 'stop-without-mark.ts' },
}
