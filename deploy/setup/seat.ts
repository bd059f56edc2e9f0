import Docker from 'dockerode'
import type { DockerSeat } from './docker.ts'

/** Long enough for a daemon that systemd starts on the first connection. */
const pingTimeoutMs = 20_000

/** The daemon that the environment names, as the docker client would find it. */
export function findSeat(): DockerSeat & { readonly client: Docker } {
  const { DOCKER_HOST } = process.env
  const impatient = new Docker({ timeout: pingTimeoutMs })
  return {
    url: DOCKER_HOST ?? 'unix:///var/run/docker.sock',
    isChosen: DOCKER_HOST !== undefined,
    ping: () => impatient.ping(),
    client: new Docker(),
  }
}
