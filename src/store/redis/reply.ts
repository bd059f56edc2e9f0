import { z } from 'zod'

/** Redis's flat list of names and values, as pairs. */
export const pairsSchema = z
  .array(z.string())
  .refine((flat) => flat.length % 2 === 0, 'an odd number of names and values')
  .transform((flat) => {
    const pairs: [name: string, value: string][] = []
    for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? ''])
    return pairs
  })

/** Pairs in the order of their names: Redis keeps hashes in none. */
export const sortedPairsSchema = pairsSchema.transform((pairs) =>
  pairs.sort(([a], [b]) => (a < b ? -1 : 1)),
)
