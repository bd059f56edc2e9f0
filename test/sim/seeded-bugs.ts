import { NameTaken } from '../../src/docker/errors.ts'
import type { Docker } from '../../src/docker/port.ts'
import type { Lease, Tenure } from '../../src/lease/lease.ts'
import type { Mark } from '../../src/store/mark.ts'
import type { Store } from '../../src/store/store.ts'
import type { Bug } from './bug.ts'

/** A stop or remove of whatever holds a name, of which nothing is known. */
function markOf(containerId: Mark['containerId'], lease: Lease): Mark {
  const rest = { kind: 'failed', reason: 'NameTaken', at: 0, deadlineAt: 0, stopAt: 0 } as const
  return { containerId, ...rest, epoch: lease.epoch }
}

export const randomNames: Bug = {
  ports: (ports, random) => ({
    ...ports,
    docker: {
      ...ports.docker,
      create: (lease, spec, signal) =>
        ports.docker.create(lease, { ...spec, name: `${spec.name}-${random.int(0, 1e9)}` }, signal),
    },
  }),
}

export const removesOnConflict: Bug = {
  ports: ({ docker, store, leases }) => ({
    store,
    leases,
    docker: {
      ...docker,
      create: async (lease, spec, signal) => {
        try {
          return await docker.create(lease, spec, signal)
        } catch (error) {
          if (!(error instanceof NameTaken)) throw error
          const holder = (await docker.list(signal)).find(({ name }) => name === spec.name)
          if (holder === undefined) throw error
          const mark = await store.mark(lease.fleet, markOf(holder.id, lease))
          await docker.stop(lease, mark, 0, signal)
          await docker.remove(lease, mark, signal)
          return await docker.create(lease, spec, signal)
        }
      },
    },
  }),
}

export const stopsWithoutMark: Bug = {
  ports: ({ docker, store, leases }) => ({
    docker,
    leases,
    store: new Proxy(store, {
      get: (target, name) =>
        name === 'mark'
          ? (fleet: string, mark: Mark) =>
              mark.stopAt === undefined ? target.mark(fleet, mark) : Promise.resolve(mark)
          : Reflect.get(target, name),
    }),
  }),
}

export const takesFailureForEmptiness: Bug = {
  ports: ({ docker, ...ports }) => ({
    ...ports,
    docker: { ...docker, list: (signal) => docker.list(signal).catch(() => []) },
  }),
}

const unguarded = (lease: Lease): Lease => ({ ...lease, assertHeld: () => {} })

function withoutGuard(docker: Docker): Docker {
  return {
    ...docker,
    create: (lease, spec, signal) => docker.create(unguarded(lease), spec, signal),
    start: (lease, id, signal) => docker.start(unguarded(lease), id, signal),
    stop: (lease, mark, graceS, signal) => docker.stop(unguarded(lease), mark, graceS, signal),
    restartNode: (lease, id, graceS, signal) =>
      docker.restartNode(unguarded(lease), id, graceS, signal),
    remove: (lease, mark, signal) => docker.remove(unguarded(lease), mark, signal),
  }
}

export const actsWithoutLease: Bug = {
  ports: ({ docker, ...ports }) => ({ ...ports, docker: withoutGuard(docker) }),
}

/** Changes what campaigns win. */
const withTenure = (change: (tenure: Tenure) => Tenure): Bug => ({
  ports: ({ leases, ...ports }) => ({
    ...ports,
    leases: {
      campaign: async (fleet, signal) => change(await leases.campaign(fleet, signal)),
    },
  }),
})

/** Only a timer ends the lease: after a pause calls go out before it fires. */
export const timerOnlyLease = withTenure((tenure) => ({
  ...tenure,
  assertHeld() {
    if (tenure.lost.aborted) throw tenure.lost.reason
  },
}))

/** Once held, held for ever. */
export const endlessLease = withTenure((tenure) => ({
  ...tenure,
  assertHeld: () => {},
  lost: new AbortController().signal,
}))

/** Where an epoch stands among the arguments of a write. */
function raised(args: readonly unknown[], epoch: number): unknown[] {
  const [fleet, second, ...rest] = args
  if (typeof second === 'number') return [fleet, Math.max(second, epoch), ...rest]
  const isMark = typeof second === 'object' && second !== null && 'epoch' in second
  return isMark ? [fleet, { ...second, epoch }, ...rest] : [...args]
}

/** The store takes writes of any term. */
export const epochNotChecked: Bug = {
  store: (store) => {
    let epoch = 0
    return new Proxy(store, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        if (name === 'openTerm')
          return async (...args: Parameters<Store['openTerm']>) => {
            const opened = await target.openTerm(...args)
            epoch = opened
            return opened
          }
        return (...args: unknown[]) => method.apply(target, raised(args, epoch))
      },
    })
  },
}

/** Stream counts are believed of a store that has just forgotten. */
export const stopsAfterOblivion: Bug = {
  ports: ({ store, ...ports }) => ({
    ...ports,
    store: new Proxy(store, {
      get: (target, name) =>
        name === 'readFleet'
          ? async (...args: Parameters<Store['readFleet']>) => ({
              ...(await target.readFleet(...args)),
              bornAt: 0,
            })
          : Reflect.get(target, name),
    }),
  }),
}
