import { homedir } from 'node:os'
import Docker from 'dockerode'
import { type DockerHost, resolveDockerHost } from '../../src/docker/host.ts'
import type { DockerSeat } from './docker.ts'

/** Long enough for a daemon that systemd starts on the first connection. */
const pingTimeoutMs = 20_000

/** Where Debian's own daemon listens: only there may set-up start one. */
const ownAddress = 'unix:///var/run/docker.sock'

/** The daemon that the environment names, found as acefleet itself finds it. */
export function findSeat(): DockerSeat & { readonly client: Docker } {
  const host = resolveDockerHost({ env: process.env, home: homedir() })
  const impatient = clientOf(host, pingTimeoutMs)
  return {
    url: host.address,
    isChosen: host.address !== ownAddress,
    ping: () => impatient.ping(),
    client: clientOf(host),
  }
}

function clientOf({ target, tls }: DockerHost, timeout?: number): Docker {
  if (target.kind === 'socket') return new Docker({ socketPath: target.path, timeout })
  const protocol = tls === undefined ? 'http' : 'https'
  const { host, port } = target
  const trust = { ca: tls?.ca, cert: tls?.cert, key: tls?.key }
  return new Docker({ host, port, protocol, timeout, ...trust })
}
