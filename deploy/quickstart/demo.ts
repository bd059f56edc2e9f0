/** Tests bring up a demo of another name, from a folder of their own, so that it meets nobody's. */
const name = process.env.ACEFLEET_DEMO ?? ''
const prefix = name === '' ? '' : `${name}-`

/** All that the quickstart names and makes. */
export const demo = {
  spec: 'specs/demo.yaml',
  dataDir: '.acefleet/demo',
  /** Where the Redis of `--ha` works. It keeps nothing. */
  redisDir: '.acefleet/demo-redis',
  redisLog: '.acefleet/quickstart-redis.log',
  /** The log of acefleet itself, of the latest run. */
  logFile: '.acefleet/quickstart.log',
  /** … of the replicas of `--ha`. */
  replicaLogs: [1, 2, 3].map((number) => `.acefleet/quickstart-replica-${number}.log`),
  /** Who runs, so that a second quickstart and `--down` know. */
  runFile: '.acefleet/quickstart.json',
  /** Engines of another instance are not the demo's. Plain and with `--ha` it is the same, so that either adopts the other's. */
  instance: name === '' ? 'quickstart' : name,
  /** On the Gluetun stand-ins; a container of the same name without it is somebody else's. */
  label: { 'acefleet.quickstart': name === '' ? 'gluetun' : name },
  /** Addresses from a range that is kept for examples (RFC 5737). */
  gluetuns: [
    { name: `${prefix}gluetun-a`, publicIp: '198.51.100.10', port: 45_000 },
    { name: `${prefix}gluetun-b`, publicIp: '198.51.100.20', port: 46_000 },
  ],
  /** Other tests use them as well. */
  keepsImages: name !== '',
  firstPort: 8000,
} as const
