import { z } from 'zod'
import type { ContainerId } from '../docker/port.ts'
import type { Epoch } from '../lease/lease.ts'
import type { EventReason, FleetEvent } from '../telemetry/event.ts'
import type { FleetStatus } from '../telemetry/status.ts'
import type { Mark } from './mark.ts'
import type {
  AcceptedSpec,
  Backoff,
  Endpoint,
  EngineNote,
  Replica,
  RolloutNote,
  StreamLoad,
  UserRequest,
} from './store.ts'

/*
 * What comes out of a store is parsed before anyone trusts it. Words from a union are checked to be text only, and
 * unknown fields are passed on: they may have been written by a newer version than this one.
 */

const word = <T extends string>() => z.custom<T>((value) => typeof value === 'string')
const containerId = word<ContainerId>()
const epoch = z.custom<Epoch>((value) => Number.isSafeInteger(value))
const absent = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined)

const markSchema = z.object({
  containerId,
  kind: z.enum(['draining', 'failed']),
  reason: z.string(),
  at: z.number(),
  deadlineAt: z.number(),
  stopAt: z.number().nullish(),
  epoch,
})

const backoffSchema = z.object({ failures: z.number(), notBefore: z.number(), containerId })
const engineNoteSchema = z.object({ containerId, firstReadyAt: z.number() })
const streamLoadSchema = z.object({
  containerId,
  active: z.number(),
  pending: z.number(),
  lastBytesAt: z.number(),
  stat: absent(
    z.object({
      sessions: z.number(),
      peers: z.number(),
      downBytesPerS: z.number(),
      upBytesPerS: z.number(),
    }),
  ),
})
const rolloutSchema = z.object({
  specHash: z.string(),
  failedStarts: z.number(),
  lastFailure: z.string(),
  lastFailureAt: z.number(),
})

const requestSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cordon'), node: z.string() }),
  z.object({ kind: z.literal('drainNode'), node: z.string() }),
  z.object({ kind: z.literal('drainEngine'), containerId }),
  z.object({ kind: z.literal('forward'), node: z.string() }),
  z.object({ kind: z.literal('delete') }),
])

const acceptedSpecSchema = z.object({
  fleet: z.string(),
  generation: z.number(),
  hash: z.string(),
  document: z.string().transform((text): unknown => JSON.parse(text)),
  source: z.string(),
  acceptedAt: z.number(),
})

const endpointSchema = z.looseObject({
  containerId,
  slot: z.string(),
  host: z.string(),
  port: z.number(),
  ready: z.boolean(),
  forwarded: z.boolean(),
  vpn: z.string().optional(),
  maxStreams: z.number(),
  leaving: z.boolean().default(false),
  epoch,
})

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.enum(['True', 'False']),
  reason: z.string(),
  message: z.string(),
  since: z.number(),
})

const engineStatusSchema = z.looseObject({
  name: z.string(),
  slot: z.string(),
  forwarded: z.boolean(),
  phase: z.string(),
  ready: z.boolean(),
  streams: z.union([z.number(), z.literal('unknown')]),
  updated: z.boolean(),
  note: z.string(),
})

const vpnStatusSchema = z.looseObject({
  name: z.string(),
  state: z.enum(['up', 'degraded', 'down', 'unknown']),
  reason: z.string(),
  message: z.string(),
  portLosses: z.number().default(0),
  engines: z.number(),
  cordoned: z.boolean(),
  since: z.number(),
})

const choiceSchema = z.looseObject({
  slot: z.string(),
  node: z.string(),
  rule: z.string(),
  held: z.boolean(),
  candidates: z.array(
    z.looseObject({ node: z.string(), state: z.string(), portLosses: z.number() }),
  ),
})

const statusSchema = z.looseObject({
  fleet: z.string(),
  generation: z.number(),
  specHash: z.string(),
  epoch: z.number(),
  leader: z.string(),
  observedAt: z.number(),
  replicas: z.number(),
  ready: z.number(),
  updated: z.number(),
  conditions: z.array(conditionSchema),
  engines: z.array(engineStatusSchema),
  vpns: z.array(vpnStatusSchema),
  forwarding: z.array(choiceSchema).default([]),
})

const eventSchema = z.object({
  sequence: z.number(),
  at: z.number(),
  firstAt: z.number(),
  count: z.number(),
  fleet: z.string(),
  type: z.enum(['Normal', 'Warning']),
  reason: word<EventReason>(),
  message: z.string(),
  slot: absent(z.string()),
  vpn: absent(z.string()),
  containerId: absent(containerId),
  epoch: absent(epoch),
  reconcileId: absent(z.string()),
})

const replicaSchema = z.looseObject({
  holder: z.string(),
  startedAt: z.number(),
  declares: z.record(z.string(), z.looseObject({ hash: z.string(), source: z.string() })),
  leads: z.record(z.string(), z.looseObject({ epoch, leaseMs: z.number().nullable() })),
  // A version that did not tell is one of which nothing is known.
  dockerAgoMs: z.number().nullable().default(null),
  lease: z
    .looseObject({ servers: z.string(), count: z.number(), ttlMs: z.number(), renewMs: z.number() })
    .nullable()
    .default(null),
  isOnlooker: z.boolean().optional(),
})

/** Reads one stored mark. */
export function parseMark(value: unknown): Mark {
  const { stopAt, ...mark } = markSchema.parse(value)
  return typeof stopAt === 'number' ? { ...mark, stopAt } : mark
}

/** Reads one back-off record. */
export function parseBackoff(value: unknown): Backoff {
  return backoffSchema.parse(value)
}

/** Reads one engine's note, with the container it is about. */
export function parseEngineNote(
  value: unknown,
): EngineNote & { readonly containerId: ContainerId } {
  return engineNoteSchema.parse(value)
}

/** Reads one engine's stream counts, with the container they are about. */
export function parseStreamLoad(
  value: unknown,
): StreamLoad & { readonly containerId: ContainerId } {
  return streamLoadSchema.parse(value)
}

/** Reads a rollout note from JSON text. */
export function parseRollout(text: string): RolloutNote {
  return rolloutSchema.parse(JSON.parse(text))
}

/** Reads a user's request from JSON text. */
export function parseRequest(text: string): UserRequest {
  return requestSchema.parse(JSON.parse(text))
}

/** One spelling per request, so that equal requests are equal texts. */
export function formatRequest(request: UserRequest): string {
  return JSON.stringify(requestSchema.parse(request))
}

/** How texts of requests begin that a new one takes the place of; undefined where all stand side by side. */
export function replacedBy(request: UserRequest): string | undefined {
  return request.kind === 'forward' ? '{"kind":"forward",' : undefined
}

/** Reads an accepted spec whose document is JSON text. */
export function parseAcceptedSpec(value: unknown): AcceptedSpec {
  return acceptedSpecSchema.parse(value)
}

/** Reads a published status from JSON text. */
export function parseStatus(text: string): FleetStatus {
  return statusSchema.parse(JSON.parse(text)) as unknown as FleetStatus
}

/** Reads published endpoints from JSON text. */
export function parseEndpoint(text: string): Endpoint {
  return endpointSchema.parse(JSON.parse(text)) as Endpoint
}

export function parseEndpoints(text: string): readonly Endpoint[] {
  return z.array(endpointSchema).parse(JSON.parse(text)) as readonly Endpoint[]
}

/** Reads one recorded event. */
export function parseEvent(value: unknown): FleetEvent {
  return eventSchema.parse(value)
}

/** Reads what a replica said of itself from JSON text. */
export function parseReplica(text: string): Replica {
  return replicaSchema.parse(JSON.parse(text))
}
