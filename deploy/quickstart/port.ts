import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { SetupError } from '../setup/setup-error.ts'

/** How many ports are tried for each that is wanted. */
const tries = 10

/** The first free ports of 127.0.0.1, in order. */
export async function freePorts(first: number, count: number): Promise<readonly number[]> {
  const free: number[] = []
  const last = first + tries * count - 1
  for (let port = first; port <= last && free.length < count; port++) {
    if ((await bound(port)) !== undefined) free.push(port)
  }
  if (free.length === count) return free
  throw new SetupError(
    `Of ports ${first} to ${last} of 127.0.0.1 too few are free: free some of them (ss -ltnp shows who has them).`,
  )
}

/** Any free port of 127.0.0.1. */
export async function anyPort(): Promise<number> {
  const port = await bound(0)
  if (port === undefined) throw new SetupError('No port of 127.0.0.1 can be had at all.')
  return port
}

/** The port, if somebody could listen there now. */
async function bound(port: number): Promise<number | undefined> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
    return (probe.address() as AddressInfo).port
  } catch {
    return undefined
  } finally {
    probe.close()
  }
}
