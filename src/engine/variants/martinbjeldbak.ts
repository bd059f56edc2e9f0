import { portFlags, type Variant } from './variant.ts'

/** ghcr.io/martinbjeldbak/acestream-http-proxy: its entrypoint appends the command to the engine's flags. */
export const martinbjeldbak: Variant = {
  reservedEnv: ['ALLOW_REMOTE_ACCESS'],
  joinsArgs: false,
  pass: (engine, ports) => ({
    env: { ALLOW_REMOTE_ACCESS: 'yes' },
    command: [...portFlags(ports), ...engine.args],
  }),
}
