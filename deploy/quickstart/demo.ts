/** All that the quickstart names and makes. */
export const demo = {
  spec: 'specs/demo.yaml',
  dataDir: '.acefleet/demo',
  /** The log of acefleet itself, of the latest run. */
  logFile: '.acefleet/quickstart.log',
  /** Who runs, so that a second quickstart and `--down` know. */
  runFile: '.acefleet/quickstart.json',
  /** Engines of another instance are not the demo's. */
  instance: 'quickstart',
  /** On the Gluetun stand-ins; a container of the same name without it is somebody else's. */
  label: { 'acefleet.quickstart': 'gluetun' },
  /** Addresses from a range that is kept for examples (RFC 5737). */
  gluetuns: [
    { name: 'gluetun-a', publicIp: '198.51.100.10', port: 45_000 },
    { name: 'gluetun-b', publicIp: '198.51.100.20', port: 46_000 },
  ],
  firstPort: 8000,
} as const
