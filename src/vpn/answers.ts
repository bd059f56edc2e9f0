import { isIP } from 'node:net'
import * as z from 'zod'
import type { ControlReading } from '../observe/observation.ts'

// Gluetun sends every body as text/plain and adds fields from release to release: the objects are open, the
// fields that count are not. `undefined` means: this is not what Gluetun says, conclude nothing.

const STATUSES = ['starting', 'running', 'stopping', 'stopped', 'crashed'] as const

const portNumber = z.int().min(0).max(65_535)
const statusShape = z.object({ status: z.string() })
const portsShape = z
  .object({ port: portNumber.nullish(), ports: z.array(portNumber).max(64).nullish() })
  .refine((body) => body.port !== undefined || body.ports !== undefined)
const publicIpShape = z.object({ public_ip: z.string().nullable() })

const versionShape = z.object({ version: z.string().trim().min(1).max(64) })
const outcomeShape = z.object({ outcome: z.string().max(64) })

function parse<T>(shape: z.ZodType<T>, body: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

/** The VPN status; a word that no known release uses is `unknown`. */
export function parseStatus(body: string): ControlReading['status'] | undefined {
  const said = parse(statusShape, body)?.status
  if (said === undefined) return undefined
  return STATUSES.find((status) => status === said) ?? 'unknown'
}

/**
 * The forwarded ports of any release: `{"port":0}`, `{"port":n}`, `{"ports":[…]}`, both, `ports: null`. 0 is none,
 * and `port` only counts where `ports` tells nothing.
 */
export function parsePorts(body: string): readonly number[] | undefined {
  const said = parse(portsShape, body)
  if (said === undefined) return undefined
  const several = (said.ports ?? []).filter((port) => port !== 0)
  if (several.length > 0) return [...new Set(several)]
  return said.port ? [said.port] : []
}

/** Empty while Gluetun knows none. */
export function parsePublicIp(body: string): string | undefined {
  const said = parse(publicIpShape, body)
  if (said === undefined) return undefined
  const address = (said.public_ip ?? '').trim()
  return address === '' || isIP(address) !== 0 ? address : undefined
}

/** The status file: one port per line, truncated to nothing when the port is lost. */
export function parsePortFile(text: string): readonly number[] | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const ports = lines.filter((line) => line !== '')
  if (!ports.every((line) => /^\d{1,5}$/.test(line) && Number(line) <= 65_535)) return undefined
  return [...new Set(ports.map(Number))].filter((port) => port !== 0)
}

/** The release that answers: `v3.41.3`, or a word such as `latest`. */
export function parseVersion(body: string): string | undefined {
  return parse(versionShape, body)?.version
}

/** What came of a PUT of a status: `stopped`, `running`, `crashed`, or `already …` where nothing was done. */
export function parseOutcome(body: string): string | undefined {
  return parse(outcomeShape, body)?.outcome
}
