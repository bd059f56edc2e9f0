import { describe, expect, it } from 'vitest'
import type { EngineSettings, EngineVariant } from '../../spec/fleet.ts'
import { VARIANTS } from '../../spec/schema.ts'
import { containerFor } from './container-for.ts'
import { defaultImage } from './default-image.ts'

const ports = { http: 19_001, https: 16_001, api: 17_001, p2p: 45_000 }

function fleetOf(variant: EngineVariant, settings: Partial<EngineSettings> = {}) {
  const engine: EngineSettings = {
    variant,
    image: defaultImage(variant),
    pullPolicy: 'IfNotPresent',
    env: {},
    args: [],
    maxStreams: 2,
    resources: {},
    health: { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 },
    startTimeoutMs: 60_000,
    ports: { https: 16_000, api: 17_000, p2p: 18_000 },
    ...settings,
  }
  return { engine }
}

describe('presets', () => {
  it('krinkuto11-amd64 is told by CONF and by variables', () => {
    expect(containerFor(fleetOf('krinkuto11-amd64'), ports)).toEqual({
      env: [
        'BIND_ALL=true',
        'CACHE_LIMIT=1',
        'CONF=--http-port=19001\n--https-port=16001\n--bind-all\n--api-port=17001\n--port=45000',
        'HTTPS_PORT=16001',
        'HTTP_PORT=19001',
        'INTERNAL_BUFFERING=60',
        'P2P_PORT=45000',
      ],
    })
  })

  it('jopsis-amd64 is told by ACESTREAM_ARGS', () => {
    const { env, command } = containerFor(fleetOf('jopsis-amd64'), ports)
    expect(command).toBeUndefined()
    expect(env).toHaveLength(1)
    expect(env[0]).toMatch(/^ACESTREAM_ARGS=--client-console --bind-all --service-remote-access /)
    expect(env[0]).toMatch(/ --http-port 19001 --https-port 16001 --api-port 17001 --port 45000$/)
  })

  it.each(['jopsis-arm32', 'jopsis-arm64'] as const)('%s is told by its command', (variant) => {
    const { env, command } = containerFor(fleetOf(variant), ports)
    expect(env).toEqual([])
    expect(command?.slice(0, 4)).toEqual(['python', 'main.py', '--bind-all', '--client-console'])
    expect(command?.join(' ')).toMatch(
      / --http-port 19001 --https-port 16001 --api-port 17001 --port 45000$/,
    )
  })

  it('martinbjeldbak is told by its command, and to listen beyond the loopback', () => {
    expect(containerFor(fleetOf('martinbjeldbak'), ports)).toEqual({
      env: ['ALLOW_REMOTE_ACCESS=yes'],
      command: [
        '--http-port',
        '19001',
        '--https-port',
        '16001',
        '--api-port',
        '17001',
        '--port',
        '45000',
      ],
    })
  })

  it('custom has its arguments filled in, every placeholder every time', () => {
    const args = [
      '--a={httpPort}',
      '{httpsPort}:{apiPort}:{p2pPort}:{p2pPort}',
      '{"json": 1}',
      '{toString}',
    ]
    expect(containerFor(fleetOf('custom', { image: 'x', args }), ports)).toEqual({
      env: [],
      command: ['--a=19001', '16001:17001:45000:45000', '{"json": 1}', '{toString}'],
    })
  })

  it.each(VARIANTS)('%s takes the arguments and the environment of the spec as well', (variant) => {
    const fleet = fleetOf(variant, { args: ['--log-stderr'], env: { TZ: 'UTC', CACHE_LIMIT: '9' } })
    const { env, command = [] } = containerFor(fleet, ports)
    expect(env).toContain('TZ=UTC')
    expect(env).toContain('CACHE_LIMIT=9')
    expect(env.filter((each) => each.startsWith('CACHE_LIMIT='))).toHaveLength(1)
    expect(`${env.join('\n')}\n${command.join('\n')}`).toMatch(/--log-stderr/)
  })

  it.each(VARIANTS.filter((each) => each !== 'custom'))(
    'I11: %s is told each of its ports',
    (variant) => {
      const { env, command = [] } = containerFor(fleetOf(variant), ports)
      const told = [...env, ...command].join(' ')
      for (const port of Object.values(ports)) expect(told).toContain(String(port))
    },
  )

  it('without a P2P port leaves the image its own', () => {
    const { env } = containerFor(fleetOf('krinkuto11-amd64'), { http: 1, https: 2, api: 3 })
    expect(env.join(' ')).not.toMatch(/P2P_PORT|--port=/)
  })
})
