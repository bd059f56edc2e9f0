import type { ContainerSummary } from '../docker/port.ts'
import { FLEET_LABEL, FORWARDED_LABEL, INSTANCE_LABEL } from '../engine/labels.ts'
import { slotOfName } from '../engine/place.ts'
import type { Fleet } from '../spec/fleet.ts'
import type { ForeignContainer, ObservedNode } from './observation.ts'
import { joinedId } from './rows.ts'

/** Whether a container is one of the fleet's engines, whatever its name (DESIGN "Containers"). */
export function isOurs(row: ContainerSummary, instance: string, fleet: string): boolean {
  return row.labels[INSTANCE_LABEL] === instance && row.labels[FLEET_LABEL] === fleet
}

/** What is not ours but matters to the fleet. */
export function findForeign(
  rows: readonly ContainerSummary[],
  fleet: Fleet,
  instance: string,
  nodes: readonly ObservedNode[],
): readonly ForeignContainer[] {
  return rows.flatMap((row) => {
    if (isOurs(row, instance, fleet.name)) return []
    const holdsSlot = slotOfName(fleet.name, row.name)
    const joined = joinedId(row.networkMode)
    const carries = row.labels[FORWARDED_LABEL] === 'true' && row.state !== 'exited'
    const node = carries
      ? nodes.find((n) => n.containerId === joined && joined !== undefined)
      : undefined
    return holdsSlot === undefined && node === undefined
      ? []
      : [{ id: row.id, name: row.name, holdsSlot, forwardedOn: node?.name }]
  })
}
