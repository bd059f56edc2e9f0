import type { LookOptions } from './cli/run-options.ts'
import { connectDocker } from './docker/dockerode.ts'
import type { DockerError } from './docker/errors.ts'
import { createProbe } from './engine/client.ts'
import { openNodeHttp } from './net/node-http.ts'
import type { Clock } from './time/clock.ts'
import { createReadControl } from './vpn/control.ts'
import { createRestartVpn } from './vpn/restart-vpn.ts'
import { readSmallFile } from './vpn/small-file.ts'

/** Limit of one Docker call, ms. */
export const DOCKER_TIMEOUT_MS = 15_000

/** How the world is seen and changed: the Docker daemon, engines, Gluetun's control servers. */
export function openSenses(
  options: LookOptions,
  clock: Clock,
  onEventsBroken?: (error: DockerError) => void,
) {
  const docker = connectDocker({
    url: options.dockerHost,
    env: options.dockerEnv,
    home: options.dockerEnv.HOME ?? '/',
    clock,
    timeoutMs: DOCKER_TIMEOUT_MS,
    onEventsBroken,
  })
  const http = openNodeHttp(clock)
  return {
    docker,
    probe: createProbe(http.get, clock),
    readControl: createReadControl({ http: http.get, readFile: readSmallFile, clock }),
    restartVpn: createRestartVpn({ http, readFile: readSmallFile, clock }),
    clock,
    random: Math.random,
    instance: options.instance,
    [Symbol.dispose]() {
      http[Symbol.dispose]()
      docker[Symbol.dispose]()
    },
  }
}
