import type { PassedPorts, Variant } from './variant.ts'

/** What a custom argument may name in braces. */
export const PLACEHOLDERS = ['httpPort', 'httpsPort', 'apiPort', 'p2pPort'] as const

/** Any other image: its arguments are templates into which the ports are filled. */
export const custom: Variant = {
  reservedEnv: [],
  joinsArgs: false,
  pass: (engine, ports) => ({
    env: {},
    command: engine.args.map((argument) => fillIn(argument, ports)),
  }),
}

function fillIn(argument: string, ports: PassedPorts): string {
  const values: Readonly<Record<(typeof PLACEHOLDERS)[number], string>> = {
    httpPort: `${ports.http}`,
    httpsPort: `${ports.https}`,
    apiPort: `${ports.api}`,
    p2pPort: `${ports.p2p ?? ''}`,
  }
  return PLACEHOLDERS.reduce((text, name) => text.replaceAll(`{${name}}`, values[name]), argument)
}
