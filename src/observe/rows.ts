import type { ContainerSummary } from '../docker/port.ts'

/** The id of the container whose network is joined; undefined for a network of Docker's. */
export function joinedId(networkMode: string): string | undefined {
  return networkMode.startsWith('container:') ? networkMode.slice('container:'.length) : undefined
}

/**
 * Whether a container has a process and so a network namespace that stands. A paused one does, and is probed: whoever
 * froze an engine has made it as useless as one that hangs.
 */
export function hasProcess({ state }: Pick<ContainerSummary, 'state'>): boolean {
  return state === 'running' || state === 'paused'
}
