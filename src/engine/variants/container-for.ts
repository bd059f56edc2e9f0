import type { EngineVariant, Fleet } from '../../spec/fleet.ts'
import { custom } from './custom.ts'
import { jopsisAmd64, jopsisArm } from './jopsis.ts'
import { krinkuto11 } from './krinkuto11.ts'
import { martinbjeldbak } from './martinbjeldbak.ts'
import type { PassedPorts, Variant } from './variant.ts'

const VARIANTS: Readonly<Record<EngineVariant, Variant>> = {
  'krinkuto11-amd64': krinkuto11,
  'jopsis-amd64': jopsisAmd64,
  'jopsis-arm32': jopsisArm,
  'jopsis-arm64': jopsisArm,
  martinbjeldbak,
  custom,
}

/** The preset of a variant. */
export function variantOf(name: EngineVariant): Variant {
  return VARIANTS[name]
}

/** Environment and command of one engine. */
export interface EngineLaunch {
  /** `NAME=value`, sorted by name. */
  readonly env: readonly string[]
  readonly command?: readonly string[] | undefined
}

/** How the fleet's image is told to listen on these ports; the spec's own env comes last and wins. */
export function containerFor(fleet: Pick<Fleet, 'engine'>, ports: PassedPorts): EngineLaunch {
  const { env, command } = variantOf(fleet.engine.variant).pass(fleet.engine, ports)
  const variables = Object.entries({ ...env, ...fleet.engine.env })
  return {
    env: variables.map(([name, value]) => `${name}=${value}`).sort(),
    ...(command === undefined ? {} : { command }),
  }
}
