import { interruption } from '../../deploy/setup/interruption.ts'
import { runCommand } from '../../deploy/setup/main.ts'
import type { Bench } from './bench.ts'

/** `npm run bench -- NAME`: progress for people, then one JSON line. Each is loaded alone, lest it weigh on another. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  claims: async () => (await import('./claims.ts')).claims,
  converge: async () => (await import('./converge.ts')).converge,
  failover: async () => (await import('./failover.ts')).failover,
  gateway: async () => (await import('./gateway.ts')).gateway,
  noop: async () => (await import('./noop.ts')).noop,
  plan: async () => (await import('./plan.ts')).plan,
  repair: async () => (await import('./repair.ts')).repair,
  soak: async () => (await import('./soak.ts')).soak,
  transport: async () => (await import('./transport.ts')).transport,
  vpn: async () => (await import('./vpn.ts')).vpn,
}

await runCommand(async () => {
  const [name = '', ...rest] = process.argv.slice(2)
  const load = rest.length === 0 && Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
  if (load === undefined) {
    console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')}`)
    return 1
  }
  // The reaper of testcontainers comes from a registry, and none is needed: each benchmark removes what it made.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  const bench = await load()
  const signal = interruption()
  const figures = await bench({ say: (line) => console.log(`▸ ${line}`), signal })
  console.log(JSON.stringify({ bench: name, ...figures }))
  return 0
})
