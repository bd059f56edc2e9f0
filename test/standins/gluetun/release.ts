/** The releases of Gluetun whose control servers differ. `v3.39` is v3.39.1, the first with roles. */
export const releases = ['v3.38', 'v3.39', 'v3.40', 'v3.41.1', 'v3.41.3', 'master'] as const

export type Release = (typeof releases)[number]

/** What one release does that another does not. */
export interface Traits {
  /** What `GET /v1/version` says. */
  readonly version: string
  /** Roles decide who may ask what; before v3.39.1 everybody may ask everything. */
  readonly hasRoles: boolean
  /** The environment names a role for every route that no other one names. */
  readonly hasDefaultRole: boolean
  /** Routes that no role names are open to everybody, the harmless ones at least. */
  readonly hasPublicRole: boolean
  /** `/v1/portforward` is the route of the port, and the older one leads to it. */
  readonly hasNewPortRoute: boolean
  /** `PUT /v1/portforward` may stand in a role, whether or not it does anything. */
  readonly listsPortPut: boolean
  /** A path that is none is 404 and a wrong method 405 before anybody is asked for a key; else both are 401. */
  readonly tellsUnknown: boolean
  readonly portShape: 'port' | 'port-or-ports' | 'both'
  /** A re-request that fails after a port was lost is never tried again. */
  readonly givesUpReRequest: boolean
}

const first: Traits = {
  version: 'v3.38.0',
  hasRoles: false,
  hasDefaultRole: false,
  hasPublicRole: false,
  hasNewPortRoute: false,
  listsPortPut: false,
  tellsUnknown: false,
  portShape: 'port',
  givesUpReRequest: false,
}

const withRoles: Traits = {
  ...first,
  version: 'v3.39.1',
  hasRoles: true,
  hasPublicRole: true,
  portShape: 'port-or-ports',
}

const traits: Readonly<Record<Release, Traits>> = {
  'v3.38': first,
  'v3.39': withRoles,
  'v3.40': { ...withRoles, version: 'v3.40.0', givesUpReRequest: true },
  'v3.41.1': {
    ...withRoles,
    version: 'v3.41.1',
    hasDefaultRole: true,
    hasNewPortRoute: true,
    givesUpReRequest: true,
  },
  'v3.41.3': {
    ...withRoles,
    version: 'v3.41.3',
    hasDefaultRole: true,
    hasNewPortRoute: true,
    listsPortPut: true,
    tellsUnknown: true,
    portShape: 'both',
  },
  master: {
    ...withRoles,
    version: 'latest',
    hasDefaultRole: true,
    hasPublicRole: false,
    hasNewPortRoute: true,
    listsPortPut: true,
    tellsUnknown: true,
    portShape: 'both',
  },
}

export function traitsOf(release: Release): Traits {
  return traits[release]
}

export function isRelease(value: unknown): value is Release {
  return releases.some((release) => release === value)
}
