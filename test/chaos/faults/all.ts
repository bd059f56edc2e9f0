import type { Fault } from '../fault.ts'
import { CRASHES } from './crashes.ts'
import { PAUSES } from './pauses.ts'
import { REDIS_FAULTS } from './redis.ts'
import { WAY_FAULTS } from './ways.ts'

/** Every kind that a deck holds once. */
export const ALL_FAULTS: readonly Fault[] = [...PAUSES, ...CRASHES, ...REDIS_FAULTS, ...WAY_FAULTS]
