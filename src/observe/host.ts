import type { ObservedEngine, ObservedNode } from './observation.ts'

/** Where an engine's ports are reached: at its VPN container, whatever the spec says of it now, or published. */
export function hostOf(
  { networkMode, departed }: Pick<ObservedEngine, 'networkMode' | 'departed'>,
  node: ObservedNode | undefined,
  bind: string,
): string | undefined {
  return networkMode.startsWith('container:') ? (node ?? departed)?.address : bind
}
