import type { ContainerSummary, DockerReader } from '../../docker/port.ts'
import { FLEET_LABEL, INSTANCE_LABEL, readLabels } from '../../engine/labels.ts'
import { slotOfName } from '../../engine/place.ts'
import type { Fleet, PortRange, VpnNode } from '../../spec/fleet.ts'
import type { ReadControl } from '../../vpn/control.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { findPorts, isListening, whyNotBindable } from './ports.ts'

/** What checks of a fleet look at. */
export interface World {
  readonly docker: DockerReader
  readonly containers: readonly ContainerSummary[]
  readonly instance: string
  readonly readControl: ReadControl
  readonly signal: AbortSignal
}

function isOurs(world: World, fleet: Fleet, container: ContainerSummary): boolean {
  const { labels } = container
  return labels[INSTANCE_LABEL] === world.instance && labels[FLEET_LABEL] === fleet.name
}

/** HTTP ports of the forwarded engine and all slots, surge included (DESIGN "Containers"). */
function wantedPorts(fleet: Fleet, range: PortRange): number[] {
  const count = 1 + fleet.replicas + fleet.update.maxSurge
  const all = Array.from({ length: count }, (_, index) => range.first + index)
  return all.filter((port) => port <= range.last)
}

/** Those of the ports that no container of ours says it has. */
function unclaimed(ports: readonly number[], ours: readonly ContainerSummary[]): number[] {
  const claimed = new Set(ours.map((container) => readLabels(container.labels).httpPort))
  return ports.filter((port) => !claimed.has(port))
}

/** Whether the engine image is there, or will be pulled. */
export async function checkImage(world: World, fleet: Fleet): Promise<readonly Finding[]> {
  const check = `image of ${fleet.name}`
  const { image, pullPolicy } = fleet.engine
  if (await world.docker.hasImage(image, world.signal)) return [ok(check, `${image} is here`)]
  const mend = `docker pull ${image}`
  if (pullPolicy === 'Never') {
    return [fail(check, `${image} is not here, and pullPolicy is Never`, mend)]
  }
  return [warn(check, `${image} is not here: it is pulled when first needed`, mend)]
}

/** Whether names that the fleet needs are held by containers of others. */
export async function checkNames(world: World, fleet: Fleet): Promise<readonly Finding[]> {
  const check = `names of ${fleet.name}`
  const takers = world.containers.filter(
    (container) =>
      slotOfName(fleet.name, container.name) !== undefined && !isOurs(world, fleet, container),
  )
  if (takers.length === 0) return [ok(check, 'no other container holds one')]
  return takers.map(({ name, labels }) => {
    const instance = labels[INSTANCE_LABEL]
    const whose = instance === undefined ? 'not ours' : `of instance "${instance}"`
    const mend =
      instance === undefined
        ? `docker rename ${name} ${name}-old`
        : `if that is meant, add --instance ${instance}; else give the fleet another name`
    return fail(check, `container ${name} is ${whose} and holds a name of the fleet`, mend)
  })
}

/** Ports that mode none publishes on the host. They can only be tried where the daemon is on this machine. */
export async function checkHostPorts(world: World, fleet: Fleet): Promise<readonly Finding[]> {
  const check = `ports of ${fleet.name}`
  const { bind, ports } = fleet.network
  const ours = world.containers.filter((container) => isOurs(world, fleet, container))
  const taken = await findPorts(unclaimed(wantedPorts(fleet, ports), ours), (port) =>
    whyNotBindable(bind, port),
  )
  if (taken.length === 0) return [ok(check, `${ports.first}-${ports.last} of ${bind} can be had`)]
  const list = taken.map(({ port, answer }) => `${port} (${answer})`).join(', ')
  const mend = 'stop what listens there (ss -ltnp shows it), or choose other spec.network.ports'
  return [fail(check, `cannot be had on ${bind}: ${list}`, mend)]
}

async function checkNamespace(
  world: World,
  fleet: Fleet,
  node: VpnNode,
  nodeId: string,
  address: string | undefined,
): Promise<readonly Finding[]> {
  const check = `ports of ${node.name}`
  const joined = world.containers.filter(
    (container) => container.networkMode === `container:${nodeId}`,
  )
  const ours = joined.filter((container) => isOurs(world, fleet, container))
  const foreign = joined.filter((container) => !ours.includes(container))
  const findings = foreign.map(({ name, labels }) =>
    readLabels(labels).forwarded
      ? fail(
          check,
          `container ${name} is not ours, and says that it holds the forwarded port of ${node.name}`,
          `docker rm -f ${name}`,
        )
      : warn(check, `container ${name} shares the network of ${node.name} and is not ours`),
  )
  if (address === undefined) return findings
  const free = unclaimed(wantedPorts(fleet, node.ports), ours)
  const taken = await findPorts(free, (port) => isListening(address, port))
  if (taken.length > 0) {
    const list = taken.map(({ port }) => port).join(', ')
    const mend = `choose another spec.vpn.nodes[].ports for ${node.name}, or stop what listens there`
    findings.push(fail(check, `something that is not ours listens there on ${list}`, mend))
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${node.ports.first}-${node.ports.last}: nothing in the way`)]
}

async function checkControl(
  world: World,
  node: VpnNode,
  address: string | undefined,
  startedAt: number,
): Promise<Finding> {
  const check = `control of ${node.name}`
  const reading = await world.readControl({ node, address, startedAt }, world.signal)
  if (reading.kind !== 'reading') return fail(check, reading.message)
  const { status, publicIp, ports } = reading
  const text = `VPN ${status}, public IP ${publicIp || 'none'}, forwarded port ${ports[0] ?? 'none'}`
  if (status !== 'running') return warn(check, text, `see: docker logs --tail 50 ${node.name}`)
  return ok(check, text)
}

/** Whether the VPN container is there and runs, its control server answers, and its ports are free. */
export async function checkNode(
  world: World,
  fleet: Fleet,
  node: VpnNode,
): Promise<readonly Finding[]> {
  const check = `VPN node ${node.name}`
  const found = world.containers.find((container) => container.name === node.name)
  if (found === undefined) {
    const mend =
      'start Gluetun under that name, or put its container name into spec.vpn.nodes[].name'
    return [fail(check, `there is no container named ${node.name}`, mend)]
  }
  const { state, health, addresses, startedAt } = await world.docker.inspect(found.id, world.signal)
  if (state !== 'running') {
    return [fail(check, `its container is ${state}`, `docker start ${node.name}`)]
  }
  const running =
    health === 'unhealthy'
      ? warn(check, 'running, but unhealthy', `see: docker logs --tail 50 ${node.name}`)
      : ok(check, `running${health === 'none' ? '' : `, ${health}`}`)
  const address = node.address ?? Object.values(addresses).find((each) => each !== '')
  return [
    running,
    await checkControl(world, node, address, startedAt),
    ...(await checkNamespace(world, fleet, node, found.id, address)),
  ]
}
