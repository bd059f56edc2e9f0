import { z } from 'zod'
import { fleetSchema } from './schema.ts'

/** The JSON Schema of an EngineFleet document as a user writes it, for editors. */
export function engineFleetJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(fleetSchema, { io: 'input' })
  return { $schema, title: 'EngineFleet', description: 'A fleet of AceStream engines.', ...schema }
}

/** The text of `specs/engine-fleet.schema.json`, and what `acefleet schema` prints. */
export function printJsonSchema(): string {
  return `${JSON.stringify(engineFleetJsonSchema(), null, 2)}\n`
}
