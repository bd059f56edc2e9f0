import type { DockerEvent } from '../docker/port.ts'
import { FLEET_LABEL, FORWARDED_LABEL, INSTANCE_LABEL } from '../engine/labels.ts'
import { slotOfName } from '../engine/place.ts'
import type { Fleet } from '../spec/fleet.ts'

/**
 * Whether an event may concern a fleet: its engines, its VPN nodes, whoever takes its names, and whoever carries the
 * forwarded label, for an event does not say in whose network.
 */
export function concerns(event: DockerEvent, fleet: Fleet, instance: string): boolean {
  const { name, labels } = event
  const isOurs = labels[INSTANCE_LABEL] === instance && labels[FLEET_LABEL] === fleet.name
  return (
    isOurs ||
    labels[FORWARDED_LABEL] === 'true' ||
    fleet.vpn.nodes.some((node) => node.name === name) ||
    slotOfName(fleet.name, name) !== undefined
  )
}
