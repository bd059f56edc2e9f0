import { type Container, isAlive, refuse } from './world-container.ts'

/** The network namespaces and ports of one daemon, as dockerd 20.10 was measured to treat them. */
export interface Namespaces {
  /** Docker resolves the owner's name to its id at create, and takes an owner that does not exist as it stands. */
  resolve(networkMode: string): string
  /** Puts a container that is about to start into its namespace. @throws {DaemonRefusal} */
  enter(container: Container): void
  /** A namespace lives while its owner's present run goes on; a joined container may outlive it. */
  hasNetwork(container: Container): boolean
  /** The first of these ports that a live process in the same namespace holds. */
  takenPort(container: Container, ports: readonly number[]): number | undefined
}

/** Builds the namespaces of a daemon whose containers these are. */
export function makeNamespaces(
  all: () => Iterable<Container>,
  lookup: (reference: string) => Container | undefined,
): Namespaces {
  let count = 0

  function ownersNamespace(container: Container, reference: string): number {
    const owner = lookup(reference)
    const failed = (status: number, message: string) => {
      container.exitCode = 128
      container.error = message
      return refuse('start', container.id, status, message)
    }
    if (owner === undefined) throw failed(404, `No such container: ${reference}`)
    if (!isAlive(owner) || owner.netns === undefined) {
      throw failed(409, `cannot join network of a non running container: ${owner.id}`)
    }
    return owner.netns
  }

  function refuseTakenHostPorts(container: Container): void {
    const others = [...all()].filter((other) => other !== container && isAlive(other))
    const published = others.flatMap(({ spec }) => spec.publish)
    for (const { hostPort, protocol } of container.spec.publish) {
      if (!published.some((p) => p.hostPort === hostPort && p.protocol === protocol)) continue
      container.error = `driver failed programming external connectivity on endpoint ${container.name}: port ${hostPort} is already allocated`
      throw refuse('start', container.id, 500, container.error)
    }
  }

  return {
    resolve: (networkMode) => {
      const owner = ownerOf(networkMode)
      return owner === undefined ? networkMode : `container:${lookup(owner)?.id ?? owner}`
    },
    enter: (container) => {
      const reference = ownerOf(container.networkMode)
      refuseTakenHostPorts(container)
      container.netns = reference === undefined ? ++count : ownersNamespace(container, reference)
    },
    hasNetwork: (container) => {
      const reference = ownerOf(container.networkMode)
      if (reference === undefined) return true
      const owner = lookup(reference)
      return owner !== undefined && isAlive(owner) && owner.netns === container.netns
    },
    takenPort: (container, ports) => {
      const neighbours = [...all()].filter(
        (other) => other !== container && isAlive(other) && other.netns === container.netns,
      )
      return ports.find((port) => neighbours.some(({ bound }) => bound.includes(port)))
    },
  }
}

/** The container whose namespace a network mode joins. */
export function ownerOf(networkMode: string): string | undefined {
  return networkMode.startsWith('container:') ? networkMode.slice('container:'.length) : undefined
}
