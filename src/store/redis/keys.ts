/** Keys of a whole instance. */
const INSTANCE_KEYS = [
  'incarnation',
  'epochs',
  'holders',
  'statuses',
  'endpoints',
  'specs',
  'events',
  'eventOrder',
  'eventFleets',
  'eventFolds',
  'replicas',
  'replicasSeen',
] as const

/** Keys of one fleet each. */
export const FLEET_KEYS = [
  'marks',
  'engines',
  'backoff',
  'rollout',
  'nodes',
  'requests',
  'sessions',
  'expiry',
  'places',
  'lapsed',
  'traffic',
  'candidates',
  'offers',
  'contents',
  'aliases',
  'used',
  'generations',
] as const

/** By this name scripts know a key. */
export type KeyName = (typeof INSTANCE_KEYS)[number] | (typeof FLEET_KEYS)[number]

const FLEET: ReadonlySet<string> = new Set(FLEET_KEYS)

/** Where all of an instance's keys live; nothing else of acefleet's writes there. */
export function keyPrefix(instance: string): string {
  return `acefleet:${instance}:`
}

/** The key behind a name; fleets' keys need the fleet. */
export function keyOf(instance: string, fleet: string, name: KeyName): string {
  return `${keyPrefix(instance)}${FLEET.has(name) ? `fleet:${fleet}:` : ''}${name}`
}
