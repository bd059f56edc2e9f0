import { z } from 'zod'
import type { Verb } from './answer.ts'
import { DockerError } from './errors.ts'
import type { ContainerDetail, ContainerId, ContainerSummary, DockerEvent } from './port.ts'

const id = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as ContainerId)

/** Docker writes null for an empty map or list. */
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {})

const state = z.enum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'])

/** Old and new API versions spell the default network differently. */
const networkMode = z.string().transform((mode) => (mode === 'default' ? 'bridge' : mode))

/** Links add further names with a second slash; a container that is being removed may have none. */
const ownName = z
  .array(z.string())
  .nullish()
  .transform((names) => {
    const own = (names ?? []).map((name) => name.replace(/^\//, '')).find((n) => !n.includes('/'))
    return own ?? ''
  })

/** A time in Docker's ISO spelling; its "never" is the year 1. */
const time = z
  .string()
  .transform((text) => Date.parse(text))
  .refine((ms) => !Number.isNaN(ms))
  .transform((ms) => Math.max(0, ms))

const summary = z
  .object({
    Id: id,
    Names: ownName,
    Image: z.string(),
    Labels: labels,
    State: state,
    Created: z.number(),
    HostConfig: z.object({ NetworkMode: networkMode }),
  })
  .transform(
    (row): ContainerSummary => ({
      id: row.Id,
      name: row.Names,
      labels: row.Labels,
      state: row.State,
      networkMode: row.HostConfig.NetworkMode,
      image: row.Image,
      createdAt: row.Created * 1000,
    }),
  )

const health = z.enum(['none', 'starting', 'healthy', 'unhealthy'])

const networks = z
  .record(z.string(), z.object({ IPAddress: z.string().optional() }).nullable())
  .nullish()
  .transform((map) => {
    const entries = Object.entries(map ?? {}).flatMap(([name, network]) =>
      network?.IPAddress ? [[name, network.IPAddress] as const] : [],
    )
    return Object.fromEntries(entries)
  })

const detail = z
  .object({
    Id: id,
    Name: z.string(),
    Created: time,
    Config: z.object({ Image: z.string(), Labels: labels }),
    State: z.object({
      Status: state,
      StartedAt: z.string(),
      FinishedAt: time,
      ExitCode: z.number(),
      Error: z.string().optional(),
      OOMKilled: z.boolean().optional(),
      Health: z.object({ Status: health }).nullish(),
    }),
    HostConfig: z.object({ NetworkMode: networkMode }),
    NetworkSettings: z.object({ Networks: networks }),
  })
  .transform(
    ({ Id, Name, Created, Config, State, HostConfig, NetworkSettings }): ContainerDetail => ({
      id: Id,
      name: Name.replace(/^\//, ''),
      labels: Config.Labels,
      state: State.Status,
      networkMode: HostConfig.NetworkMode,
      image: Config.Image,
      // A list has whole seconds: both must say the same.
      createdAt: Math.floor(Created / 1000) * 1000,
      startedAt: time.parse(State.StartedAt),
      startedAtText: State.StartedAt,
      finishedAt: State.FinishedAt,
      exitCode: State.ExitCode,
      error: State.Error ?? '',
      oomKilled: State.OOMKilled ?? false,
      health: State.Health?.Status ?? 'none',
      addresses: NetworkSettings.Networks,
    }),
  )

/** Attributes of an event that are Docker's own and not the container's labels. */
const OWN_ATTRIBUTES = new Set(['name', 'image', 'exitCode', 'signal', 'execDuration', 'oldName'])

const event = z
  .object({
    Action: z.string(),
    Actor: z.object({ ID: id, Attributes: labels }),
    timeNano: z.number(),
  })
  .transform(
    ({ Action, Actor, timeNano }): DockerEvent => ({
      action: Action,
      id: Actor.ID,
      name: Actor.Attributes.name ?? '',
      labels: Object.fromEntries(
        Object.entries(Actor.Attributes).filter(([key]) => !OWN_ATTRIBUTES.has(key)),
      ),
      // Above 2^53 the number is right to 256 ns: enough for whole ms, no good as an identity.
      at: Math.floor(timeNano / 1e6),
    }),
  )

const version = z
  .object({
    Version: z.string(),
    ApiVersion: z.string().regex(/^\d+\.\d+$/),
    MinAPIVersion: z
      .string()
      .regex(/^\d+\.\d+$/)
      .optional(),
  })
  .transform(({ Version, ApiVersion, MinAPIVersion }) => ({
    server: Version,
    api: ApiVersion,
    minApi: MinAPIVersion,
  }))

/** A daemon's versions: `minApi` is the oldest that it still speaks. */
export type DaemonVersion = z.output<typeof version>

/** Parses a whole list or fails: an entry left out would read as a container that is gone. */
export function parseList(answer: unknown): readonly ContainerSummary[] {
  return parse('list', z.array(summary), answer)
}

export function parseDetail(answer: unknown): ContainerDetail {
  return parse('inspect', detail, answer)
}

export function parseVersion(answer: unknown): DaemonVersion {
  return parse('version', version, answer)
}

/** The id in a create's answer; undefined when there is none that can be one. */
export function parseId(answer: unknown): ContainerId | undefined {
  return id.safeParse(answer).data
}

export function parseEvent(line: string): DockerEvent {
  return parse('events', event, parseJson('events', line))
}

/** @throws {DockerError} */
export function parseJson(verb: Verb, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DockerError(`docker ${verb}: the daemon's answer is no JSON`, { cause })
  }
}

function parse<T>(verb: Verb, schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where =
    issue === undefined ? '' : ` at ${issue.path.join('.') || 'its top'}: ${issue.message}`
  throw new DockerError(`docker ${verb}: the daemon's answer is not as documented${where}`, {
    cause: parsed.error,
  })
}
