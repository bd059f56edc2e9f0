import { type Context, Hono } from 'hono'
import { StoreUnavailable } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { NewFleetEvent } from '../telemetry/event.ts'
import type { Recorder } from '../telemetry/recorder.ts'
import { readCatalog, requireEngine, requireFleet, requireVpn } from './catalog.ts'
import type { Controller } from './controller.ts'
import { judgeForward } from './forward.ts'
import { guardMutations } from './guard.ts'
import { Problem, storeReason } from './problem.ts'
import { fleetQuery, noQuery, type QuerySchema, readQuery } from './query.ts'

export interface MutationParts {
  readonly store: Pick<
    Store,
    'statuses' | 'acceptedSpecs' | 'readFleet' | 'addRequest' | 'removeRequest'
  >
  readonly control: Pick<Controller, 'wake' | 'declaredIn'>
  readonly recorder: Pick<Recorder, 'record'>
  readonly now: () => number
}

/** Says that it was taken down; the leader carries it out. */
interface Accepted {
  readonly fleet: string
  readonly message: string
}

/** These take no parameters in the body; what is there must be an empty object. */
async function refuseBody(context: Context): Promise<void> {
  const text = (await context.req.text()).trim()
  if (text !== '' && !/^\{\s*\}$/.test(text)) {
    throw new Problem(400, 'the body must be empty or {}: everything is in the path')
  }
}

/** Nobody knows whether a request reached a store that gave no answer; all of them may be sent again. */
function notTakenDown(error: unknown): unknown {
  if (!(error instanceof StoreUnavailable)) return error
  const detail = `the request may not have been taken down: the store does not answer (${storeReason(error)}). Send it again when it does; twice does no harm`
  return new Problem(503, detail, { cause: error })
}

/** Writes requests into the store and wakes the loop. Nothing here touches Docker. */
export function makeMutations(parts: MutationParts): Hono {
  const { store, control, recorder, now } = parts
  const app = new Hono()

  function finish(event: Omit<NewFleetEvent, 'at' | 'type'>): Accepted {
    recorder.record({ at: now(), type: 'Normal', ...event })
    control.wake(event.fleet)
    return { fleet: event.fleet, message: event.message }
  }

  async function deleteFleet(fleet: string): Promise<Accepted> {
    requireFleet(await readCatalog(store), fleet)
    const declared = control.declaredIn(fleet)
    if (declared !== undefined) {
      throw new Problem(409, `fleet "${fleet}" is still declared: remove it from ${declared} first`)
    }
    await store.addRequest(fleet, { kind: 'delete' })
    const message = `deletion of ${fleet} was asked for: its engines are drained and removed`
    return finish({ fleet, reason: 'DeleteRequested', message })
  }

  async function drainEngine(name: string, of: string | undefined): Promise<Accepted> {
    const { fleet, item } = requireEngine(await readCatalog(store), name, of)
    if (item.containerId === undefined) {
      throw new Problem(409, `engine "${name}" has no container yet: there is nothing to drain`)
    }
    await store.addRequest(fleet, { kind: 'drainEngine', containerId: item.containerId })
    const { slot, containerId, vpn } = item
    const message = `draining of ${name} was asked for: no new streams, then it is stopped and replaced`
    return finish({ fleet, slot, vpn, containerId, reason: 'DrainRequested', message })
  }

  async function askNode(kind: 'cordon' | 'drainNode', vpn: string, of: string | undefined) {
    const { fleet } = requireVpn(await readCatalog(store), vpn, of)
    await store.addRequest(fleet, { kind, node: vpn })
    return kind === 'cordon'
      ? finish({
          fleet,
          vpn,
          reason: 'Cordoned',
          message: `${vpn} is cordoned: no new engines there`,
        })
      : finish({
          fleet,
          vpn,
          reason: 'DrainRequested',
          message: `draining of ${vpn} was asked for: its engines move away, until it is uncordoned`,
        })
  }

  async function uncordon(vpn: string, of: string | undefined): Promise<Accepted> {
    const catalog = await readCatalog(store)
    const { fleet, item } = requireVpn(catalog, vpn, of)
    const memory = await store.readFleet(fleet, now())
    const asked = memory.requests.filter(
      (request) =>
        (request.kind === 'cordon' || request.kind === 'drainNode') && request.node === vpn,
    )
    if (asked.length === 0 && item.cordoned) {
      const source = catalog.specs.get(fleet)?.source ?? 'its spec'
      throw new Problem(
        409,
        `VPN node "${vpn}" is cordoned by ${source}: set "cordon: false" there`,
      )
    }
    if (asked.length === 0) return { fleet, message: `${vpn} was not cordoned` }
    for (const request of asked) await store.removeRequest(fleet, request)
    return finish({
      fleet,
      vpn,
      reason: 'Uncordoned',
      message: 'uncordoned: engines may come here',
    })
  }

  async function forward(vpn: string, of: string | undefined): Promise<Accepted> {
    const catalog = await readCatalog(store)
    const found = requireVpn(catalog, vpn, of)
    const { fleet } = found
    const { message, isNew } = judgeForward(catalog, found, await store.readFleet(fleet, now()))
    if (!isNew) return { fleet, message }
    await store.addRequest(fleet, { kind: 'forward', node: vpn })
    return finish({ fleet, vpn, reason: 'ForwardRequested', message })
  }

  /** Who takes it down, by name and the fleet that the query may name. */
  type Take = (name: string, fleet: string | undefined) => Promise<Accepted>
  function accept(path: string, schema: QuerySchema<{ fleet?: string | undefined }>, take: Take) {
    app.post(path, guardMutations, async (c) => {
      const { fleet } = readQuery(c, schema)
      await refuseBody(c)
      try {
        return c.json(await take(c.req.param('name') ?? '', fleet), 202)
      } catch (error) {
        throw notTakenDown(error)
      }
    })
  }

  accept('/fleets/:name/delete', noQuery, deleteFleet)
  accept('/engines/:name/drain', fleetQuery, drainEngine)
  accept('/vpns/:name/drain', fleetQuery, (name, fleet) => askNode('drainNode', name, fleet))
  accept('/vpns/:name/cordon', fleetQuery, (name, fleet) => askNode('cordon', name, fleet))
  accept('/vpns/:name/uncordon', fleetQuery, uncordon)
  accept('/vpns/:name/forward', fleetQuery, forward)
  return app
}
