import type { Context } from 'hono'
import { z } from 'zod'
import { Problem } from './problem.ts'

/** DNS labels, as fleets are named. */
const fleetName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a fleet name')

/** Most events in one answer. */
const MAX_EVENTS = 1_000

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number)

/** `?fleet=` alone. */
export const fleetQuery = z.strictObject({ fleet: fleetName.optional() })

/** No query at all. */
export const noQuery = z.strictObject({})

export const eventsQuery = z.strictObject({
  fleet: fleetName.optional(),
  after: wholeNumber.optional(),
  limit: wholeNumber
    .refine((limit) => limit >= 1 && limit <= MAX_EVENTS, `must be 1 to ${MAX_EVENTS}`)
    .optional(),
})

function issueText(issue: z.core.$ZodIssue, known: readonly string[]): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')} ${issue.message}`
  const there = known.length === 0 ? 'none is taken here' : `taken are: ${known.join(', ')}`
  return `unknown parameter ${issue.keys.map((key) => `"${key}"`).join(', ')}; ${there}`
}

/** A strict object schema that reads to `Query`. */
export type QuerySchema<Query> = z.ZodType<Query> & { readonly shape: object }

/** Reads the query parameters; unknown ones are refused rather than ignored. @throws {Problem} 400. */
export function readQuery<Query>(context: Context, schema: QuerySchema<Query>): Query {
  const parsed = schema.safeParse(context.req.query())
  if (parsed.success) return parsed.data
  const known = Object.keys(schema.shape)
  throw new Problem(400, parsed.error.issues.map((issue) => issueText(issue, known)).join('; '))
}
