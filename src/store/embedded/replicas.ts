import { z } from 'zod'
import type { Glance, Replica } from '../store.ts'
import type { Sql } from './database.ts'

const incarnationSchema = z.object({ incarnation: z.string() })
const epochsSchema = z.array(z.object({ name: z.string(), epoch: z.number() }))

/** What this process would tell itself: a data directory has one holder. */
export function glance(sql: Sql, replica: Replica, revision: number): Glance {
  const { incarnation } = incarnationSchema.parse(sql.get('SELECT incarnation FROM meta'))
  const epochs = epochsSchema.parse(sql.all('SELECT name, epoch FROM fleet'))
  return {
    incarnation,
    revision,
    replicas: [{ ...replica, agoMs: 0 }],
    epochs: new Map(epochs.map(({ name, epoch }) => [name, epoch])),
  }
}
