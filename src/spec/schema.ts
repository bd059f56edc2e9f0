import { isIP } from 'node:net'
import { z } from 'zod'
import {
  CONTAINER_NAME,
  controlUrl,
  DNS_LABEL,
  duration,
  ENV_NAME,
  file,
  flag,
  HOST,
  IMAGE,
  LEAST_MEMORY_BYTES,
  list,
  NETWORK_NAME,
  oneOf,
  PLAIN,
  portRange,
  section,
  TEXT,
  text,
  whole,
} from './fields.ts'
import type { EngineVariant } from './fleet.ts'
import { MEMORY, parseMemory } from './quantity.ts'
import { wrong } from './wrong.ts'

/** The variants that `engine.variant` may name. */
export const VARIANTS = [
  'krinkuto11-amd64',
  'jopsis-amd64',
  'jopsis-arm32',
  'jopsis-arm64',
  'martinbjeldbak',
  'custom',
] as const satisfies readonly EngineVariant[]

const control = section({
  url: controlUrl()
    .optional()
    .describe("Gluetun's control server. Default: the node's address, port 8000."),
  apiKeyFile: file('A file that holds the key for the header X-API-Key.').optional(),
  usernameFile: file('A file that holds the user name for basic authentication.').optional(),
  passwordFile: file('A file that holds the password for basic authentication.').optional(),
})

const node = section({
  name: text(
    'the name of a Gluetun container: two or more letters, digits, _ . or -',
    CONTAINER_NAME,
  ).describe("The Gluetun container's name."),
  address: z
    .string({ error: wrong('a host name or an IP address, without port') })
    .refine((value) => isIP(value) !== 0 || HOST.test(value), {
      error: wrong('a host name or an IP address, without port'),
    })
    .optional()
    .describe("Where engines' ports are reached. Default: the container's own address."),
  control: control.prefault({}).describe("How Gluetun's control server is reached."),
  ports: portRange("Engines' HTTP ports inside this node's network namespace: 19000-19499."),
  portFile: file("Gluetun's forwarded_port file, where you mount it.").optional(),
  cordon: flag().default(false).describe('true: no new engines are placed here.'),
})

/**
 * Defaults lie below the range from which Linux takes ports for outgoing connections (32768 on), below those that VPN
 * providers forward, and above Gluetun's own.
 */
function firstPort(protocol: string, first: number) {
  return whole(', the first port of the range', 1, 65_535)
    .default(first)
    .describe(`First of the ${protocol} ports.`)
}

const engine = section({
  variant: oneOf(VARIANTS)
    .default('krinkuto11-amd64')
    .describe('The preset for the image and the way ports are passed.'),
  image: text('an image name such as ghcr.io/owner/image:tag', IMAGE, 512)
    .optional()
    .describe("Overrides the preset's image; required for custom."),
  pullPolicy: oneOf(['IfNotPresent', 'Always', 'Never'])
    .default('IfNotPresent')
    .describe('When the image is pulled.'),
  env: z
    .record(
      z.string().regex(ENV_NAME),
      z
        .string({ error: wrong('a text; put numbers and true or false in quotes') })
        .regex(TEXT, { error: wrong('a text without NUL') }),
      { error: wrong('a section of NAME: value') },
    )
    .default({})
    .describe("Environment variables, added to the preset's."),
  args: list(text('an argument without control characters', PLAIN, 4096), 200, 'arguments')
    .default([])
    .describe(
      "Arguments, added to the preset's; for custom all of them, with {httpPort} {httpsPort} {apiPort} {p2pPort} filled in.",
    ),
  maxStreams: whole('', 1, 1_000)
    .default(2)
    .describe('Engine sessions (different contents) per engine, not viewers.'),
  resources: section({
    memory: z
      .string({ error: wrong('an amount of memory such as 512Mi, 1Gi or 1G') })
      .regex(MEMORY, { error: wrong('an amount of memory such as 512Mi, 1Gi or 1G'), abort: true })
      .refine((value) => parseMemory(value) >= LEAST_MEMORY_BYTES, {
        error: wrong('at least 6Mi, the least that Docker takes'),
      })
      .optional()
      .describe('Memory limit: 512Mi, 1Gi, 1G.'),
    cpus: z
      .number({ error: wrong('a number of CPUs from 0.01 to 1024, such as 1.5') })
      .min(0.01, { error: wrong('at least 0.01, the least that Docker takes') })
      .max(1024, { error: wrong('at most 1024') })
      .optional()
      .describe('CPU limit: 1.5.'),
  })
    .prefault({})
    .describe('Limits of one engine container; none by default.'),
  health: section({
    interval: duration('From one health probe to the next.', { leastMs: 100 }).default('5s'),
    timeout: duration('How long one probe may take.', { leastMs: 50, example: '2s' }).default('2s'),
    failures: whole('', 1, 100)
      .default(3)
      .describe('Failed probes in a row that make an engine unhealthy.'),
  })
    .prefault({})
    .describe("Probes of the engine's HTTP API."),
  startTimeout: duration('From start to the first good answer.', {
    leastMs: 1_000,
    example: '60s',
  }).default('60s'),
  ports: section({
    https: firstPort('HTTPS', 16_000),
    api: firstPort('API', 17_000),
    p2p: firstPort('P2P', 18_000),
  })
    .prefault({})
    .describe(
      'First ports of the internal ranges, from which HTTPS, API and P2P ports follow by slot. Nothing outside the namespace uses them.',
    ),
})

const network = section({
  ports: portRange('Published host ports.').default('19000-19499'),
  bind: z
    .string({ error: wrong('an IP address such as 127.0.0.1 or 0.0.0.0') })
    .refine((value) => isIP(value) !== 0, {
      error: wrong('an IP address such as 127.0.0.1 or 0.0.0.0'),
    })
    .default('127.0.0.1')
    .describe('Host address on which the ports are published.'),
  name: text('the name of a Docker network, not host or none', NETWORK_NAME)
    .default('bridge')
    .describe('Docker network of the engines.'),
})

const vpn = section({
  mode: oneOf(['none', 'single', 'redundant']).describe(
    'none: engines use the host’s own connection; single: one VPN node; redundant: two or more.',
  ),
  downGrace: duration('Down this long before work moves away.', { example: '15s' }).default('15s'),
  restartEnginesOnReconnect: oneOf(['auto', 'always', 'never'])
    .default('auto')
    .describe('Whether engines are replaced when their VPN reconnects.'),
  restartVpnAfter: duration(
    'Down, or without a port that is wanted, this long before the VPN is restarted through the control server.',
    {
      leastMs: 1_000,
      orNever: true,
      example: '60s',
    },
  ).default('60s'),
  restartContainerAfter: duration('Down this long before the Gluetun container is restarted.', {
    leastMs: 1_000,
    orNever: true,
    example: '5m',
  }).default('never'),
  nodes: list(node, 100, 'VPN nodes').default([]).describe('The Gluetun containers.'),
})

const forwarding = section({
  scope: oneOf(['fleet', 'vpn', 'none'])
    .default('fleet')
    .describe('fleet: exactly one forwarded engine; vpn: one per VPN node; none.'),
  prefer: text('the name of one of vpn.nodes', CONTAINER_NAME)
    .optional()
    .describe('The VPN node where the one forwarded engine should be.'),
  portGrace: duration('How long a lost port is waited for.', { example: '5m' }).default('5m'),
})

const update = section({
  maxSurge: whole('', 0, 100)
    .default(1)
    .describe('Engines above replicas while engines are replaced.'),
  maxUnavailable: whole('', 0, 100)
    .default(0)
    .describe('Ready engines below replicas while engines are replaced.'),
  drainTimeout: duration('How long a drained engine may finish its streams.', {
    example: '10m',
  }).default('10m'),
})

/** The apiVersion of the documents that this version reads. */
export const API_VERSION = 'acefleet/v1'
/** The kind of the documents that this version reads. */
export const KIND = 'EngineFleet'

/** One EngineFleet document, exactly as YAML says it. All defaults are here. */
export const fleetSchema = section({
  apiVersion: z
    .literal(API_VERSION, { error: wrong(API_VERSION) })
    .describe('The version of this format.'),
  kind: z.literal(KIND, { error: wrong(KIND) }).describe('The kind of document.'),
  metadata: section({
    name: text('a DNS label: a-z, 0-9 and dashes inside, at most 63', DNS_LABEL, 63).describe(
      "The fleet's name; it begins the names of its containers.",
    ),
  }).describe('What the fleet is called.'),
  spec: section({
    replicas: whole('', 0, 10_000).describe('How many engines, forwarded ones included.'),
    engine: engine.prefault({}).describe('One engine.'),
    network: network.prefault({}).describe('For vpn.mode none only: where engines are published.'),
    vpn: vpn.describe('The VPN nodes, or mode: none.'),
    forwarding: forwarding.prefault({}).describe("Who holds the VPN's forwarded P2P port."),
    update: update.prefault({}).describe('How engines are replaced.'),
  }).describe('What should be there.'),
})

/** A document as a user writes it. */
export type FleetInput = z.input<typeof fleetSchema>
/** A document with every default filled in. */
export type FleetDocument = z.output<typeof fleetSchema>
