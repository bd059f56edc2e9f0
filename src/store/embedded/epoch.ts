import { z } from 'zod'
import { type Epoch, nextEpoch } from '../../lease/lease.ts'
import { StaleEpoch } from '../errors.ts'
import type { Sql } from './database.ts'

const termSchema = z.object({ epoch: z.number(), holder: z.string() })

function standingTerm(sql: Sql, fleet: string): z.output<typeof termSchema> {
  const row = sql.get('SELECT epoch, holder FROM fleet WHERE name = ?', fleet)
  return row === undefined ? { epoch: 0, holder: 'nobody' } : termSchema.parse(row)
}

function raise(sql: Sql, fleet: string, epoch: Epoch, holder: string): void {
  sql.run(
    `INSERT INTO fleet (name, epoch, holder) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder`,
    fleet,
    epoch,
    holder,
  )
}

/** Opens a term above every epoch that the store, the labels and the clock know of (I6). */
export function openTerm(
  sql: Sql,
  fleet: string,
  holder: string,
  largestLabel: number,
  nowMs: number,
): Epoch {
  const epoch = nextEpoch(standingTerm(sql, fleet).epoch, largestLabel, Math.ceil(nowMs))
  if (!Number.isSafeInteger(epoch)) {
    throw new RangeError(
      `fleet ${fleet}: ${epoch} is no epoch; the largest label is ${largestLabel}`,
    )
  }
  raise(sql, fleet, epoch, holder)
  return epoch
}

/**
 * Refuses a write by an older term. A *higher* epoch than the store has opened is adopted: only a lease gives epochs, so
 * it is the store that has fallen behind (moved aside or restored while its leader went on), and from now on it refuses
 * everything below, as any fenced resource does.
 */
export function fence(sql: Sql, fleet: string, epoch: Epoch): void {
  const standing = standingTerm(sql, fleet)
  if (epoch < standing.epoch) {
    throw new StaleEpoch(
      `fleet ${fleet}: epoch ${epoch} writes no more, ${standing.holder} has opened epoch ${standing.epoch}`,
    )
  }
  if (epoch > standing.epoch) raise(sql, fleet, epoch, 'unknown')
}
