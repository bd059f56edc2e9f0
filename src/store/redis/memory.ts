import { z } from 'zod'
import type { ContainerId } from '../../docker/port.ts'
import type { Epoch } from '../../lease/lease.ts'
import {
  formatRequest,
  parseBackoff,
  parseEngineNote,
  parseRequest,
  parseRollout,
  parseStreamLoad,
} from '../codec.ts'
import { type NodeNote, parseNodeNote, shiftNodeNote } from '../node-note.ts'
import type { Backoff, FleetMemory, RolloutNote } from '../store.ts'
import type { Data, ServerTime } from './data.ts'
import { fencedScript, runFenced } from './epoch.ts'
import { COUNT_FLEETS } from './incarnation.ts'
import { FLEET_KEYS } from './keys.ts'
import { readMark } from './marks.ts'
import { pairsSchema, sortedPairsSchema } from './reply.ts'
import { countSessions, DROP_SESSIONS, LAPSE, LIST_SESSIONS } from './reservations.ts'
import { storeScript } from './script.ts'

const READ_FLEET = storeScript('readFleet', LAPSE, LIST_SESSIONS, {
  keys: ['marks', 'engines', 'traffic', 'backoff', 'requests', 'rollout', 'nodes'],
  args: [],
  lua: `
return {'ok', incarnationId, exact(bornAt),
  redis.call('HGETALL', marks),
  redis.call('HGETALL', engines),
  redis.call('HGETALL', traffic),
  load,
  redis.call('HGETALL', backoff),
  redis.call('ZRANGE', requests, 0, -1),
  redis.call('GET', rollout) or '',
  redis.call('HGETALL', nodes)}
`,
})

const fleetSchema = z
  .tuple([
    z.string(),
    z.coerce.number(),
    sortedPairsSchema,
    sortedPairsSchema,
    sortedPairsSchema,
    pairsSchema,
    sortedPairsSchema,
    z.array(z.string()),
    z.string(),
    sortedPairsSchema,
  ])
  .transform(
    ([incarnation, bornAt, marks, engines, traffic, load, backoff, requests, rollout, nodes]) => ({
      incarnation,
      bornAt,
      marks,
      engines,
      traffic,
      load,
      backoff,
      requests,
      rollout,
      nodes,
    }),
  )

/** All that planning needs of one fleet; a fleet never heard of has an empty memory. */
export async function readFleet(data: Data, fleet: string): Promise<FleetMemory> {
  const time = data.time()
  const [, ...values] = await data.run(READ_FLEET, fleet, {})
  return data.read(() => {
    const kept = fleetSchema.parse(values)
    const marks = kept.marks.map(([, text]) => readMark(text, time))
    const engines = kept.engines.map(([containerId, at]) =>
      parseEngineNote({ containerId, firstReadyAt: time.fromServer(Number(at)) }),
    )
    return {
      incarnation: kept.incarnation,
      bornAt: time.fromServer(kept.bornAt),
      marks: new Map(marks.map((mark) => [mark.containerId, mark])),
      engines: new Map(engines.map(({ containerId, ...note }) => [containerId, note])),
      streams: readStreams(kept.traffic, kept.load, time),
      backoff: new Map(kept.backoff.map(([slot, text]) => [slot, readBackoff(text, time)])),
      requests: kept.requests.map(parseRequest),
      rollout: kept.rollout === '' ? undefined : readRollout(kept.rollout, time),
      nodes: new Map(
        kept.nodes.map(([node, text]) => [node, parseNodeNote(text, time.fromServer)]),
      ),
    }
  })
}

type Pairs = readonly (readonly [string, string])[]

/** When bytes last flowed is known longer than the session they flowed on. */
function readStreams(traffic: Pairs, load: Pairs, time: ServerTime): FleetMemory['streams'] {
  const counts = countSessions(load)
  const flowed = new Map(traffic)
  for (const containerId of counts.keys()) {
    if (!flowed.has(containerId)) flowed.set(containerId, '0')
  }
  const loads = [...flowed].map(([containerId, at]) =>
    parseStreamLoad({
      containerId,
      ...(counts.get(containerId) ?? { active: 0, pending: 0 }),
      lastBytesAt: Number(at) === 0 ? 0 : time.fromServer(Number(at)),
    }),
  )
  return new Map(loads.map(({ containerId, ...streams }) => [containerId, streams]))
}

function readBackoff(text: string, time: ServerTime): Backoff {
  const backoff = parseBackoff(JSON.parse(text))
  return { ...backoff, notBefore: time.fromServer(backoff.notBefore) }
}

function readRollout(text: string, time: ServerTime): RolloutNote {
  const note = parseRollout(text)
  return { ...note, lastFailureAt: time.fromServer(note.lastFailureAt) }
}

const NOTE_READY = fencedScript('noteReady', {
  keys: ['engines'],
  args: ['id', 'at'],
  lua: `
redis.call('HSETNX', engines, id, at)
return {'ok'}
`,
})

/** Remembers an engine's first good answer. */
export async function noteReady(
  data: Data,
  fleet: string,
  epoch: Epoch,
  id: ContainerId,
  at: number,
): Promise<void> {
  await runFenced(data, NOTE_READY, { fleet, epoch, id, at: data.time().toServer(at) })
}

const FORGET = fencedScript('forget', DROP_SESSIONS, {
  keys: ['marks', 'engines', 'requests'],
  args: ['id', 'drainRequest'],
  lua: `
redis.call('HDEL', marks, id)
redis.call('HDEL', engines, id)
redis.call('ZREM', requests, drainRequest)
return {'ok'}
`,
})

/** Forgets everything that is keyed by one container id. A request to drain a container that is gone is done. */
export async function forget(
  data: Data,
  fleet: string,
  epoch: Epoch,
  id: ContainerId,
): Promise<void> {
  const drainRequest = formatRequest({ kind: 'drainEngine', containerId: id })
  await runFenced(data, FORGET, { fleet, epoch, id, drainRequest })
}

const SET_BACKOFF = fencedScript('setBackoff', {
  keys: ['backoff'],
  args: ['slot', 'record'],
  lua: `
if record == '' then redis.call('HDEL', backoff, slot) else redis.call('HSET', backoff, slot, record) end
return {'ok'}
`,
})

/** Sets or clears the back-off of one slot. */
export async function setBackoff(
  data: Data,
  fleet: string,
  epoch: Epoch,
  slot: string,
  backoff: Backoff | undefined,
): Promise<void> {
  const time = data.time()
  const record =
    backoff && JSON.stringify({ ...backoff, notBefore: time.toServer(backoff.notBefore) })
  await runFenced(data, SET_BACKOFF, { fleet, epoch, slot, record: record ?? '' })
}

const SET_ROLLOUT = fencedScript('setRollout', {
  keys: ['rollout'],
  args: ['record'],
  lua: `
if record == '' then redis.call('DEL', rollout) else redis.call('SET', rollout, record) end
return {'ok'}
`,
})

/** Sets or clears the rollout's record. */
export async function setRollout(
  data: Data,
  fleet: string,
  epoch: Epoch,
  note: RolloutNote | undefined,
): Promise<void> {
  const time = data.time()
  const record =
    note && JSON.stringify({ ...note, lastFailureAt: time.toServer(note.lastFailureAt) })
  await runFenced(data, SET_ROLLOUT, { fleet, epoch, record: record ?? '' })
}

const SET_NODE_NOTE = fencedScript('setNodeNote', {
  keys: ['nodes'],
  args: ['node', 'record'],
  lua: `
if record == '' then redis.call('HDEL', nodes, node) else redis.call('HSET', nodes, node, record) end
return {'ok'}
`,
})

/** Sets or clears what is remembered of one VPN node. */
export async function setNodeNote(
  data: Data,
  fleet: string,
  epoch: Epoch,
  node: string,
  note: NodeNote | undefined,
): Promise<void> {
  const time = data.time()
  const record = note && JSON.stringify(shiftNodeNote(note, time.toServer))
  await runFenced(data, SET_NODE_NOTE, { fleet, epoch, node, record: record ?? '' })
}

const DROP_FLEET = fencedScript('dropFleet', {
  keys: [...FLEET_KEYS, 'statuses', 'endpoints', 'specs'],
  args: [],
  lua: `
redis.call('DEL', ${FLEET_KEYS.join(', ')})
for _, shown in ipairs({statuses, endpoints, specs}) do redis.call('HDEL', shown, fleet) end
${COUNT_FLEETS}
redis.call('HINCRBY', incarnation, 'revision', 1)
return {'ok'}
`,
})

/** Forgets a fleet but for its events, and for its epoch, so that a namesake's terms go on growing (I6). */
export async function dropFleet(data: Data, fleet: string, epoch: Epoch): Promise<void> {
  await runFenced(data, DROP_FLEET, { fleet, epoch })
}
