import type { Variant } from './variant.ts'

/**
 * ghcr.io/krinkuto11/acestream-http-proxy. Its entrypoint of one age writes CONF to the engine's configuration file as
 * it is, that of another builds the file from HTTP_PORT, HTTPS_PORT, P2P_PORT and BIND_ALL: both get all they read.
 */
export const krinkuto11: Variant = {
  reservedEnv: ['CONF', 'HTTP_PORT', 'HTTPS_PORT', 'P2P_PORT', 'BIND_ALL'],
  joinsArgs: true,
  pass: (engine, ports) => {
    const p2p = ports.p2p === undefined ? undefined : `${ports.p2p}`
    const lines = [
      `--http-port=${ports.http}`,
      `--https-port=${ports.https}`,
      '--bind-all',
      `--api-port=${ports.api}`,
      ...(p2p === undefined ? [] : [`--port=${p2p}`]),
      ...engine.args,
    ]
    return {
      env: {
        CONF: lines.join('\n'),
        HTTP_PORT: `${ports.http}`,
        HTTPS_PORT: `${ports.https}`,
        BIND_ALL: 'true',
        INTERNAL_BUFFERING: '60',
        CACHE_LIMIT: '1',
        ...(p2p === undefined ? {} : { P2P_PORT: p2p }),
      },
    }
  },
}
