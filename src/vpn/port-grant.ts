import type { PortGrant } from '../observe/observation.ts'

/** What is seen of a node now; `told` is undefined when nothing may be concluded about its ports. */
export interface PortLook {
  readonly kind: 'stands' | 'gone' | 'unseen'
  readonly told: readonly number[] | undefined
}

/** Whether a port is granted, and since when, after one more look; a tunnel that went begins anew. */
export function afterPortLook(
  before: PortGrant | undefined,
  { kind, told }: PortLook,
  now: number,
): PortGrant | undefined {
  if (kind === 'gone') return undefined
  if (kind === 'unseen' || told === undefined) return before
  const isGranted = told.length > 0
  return before?.isGranted === isGranted ? before : { isGranted, since: now }
}
