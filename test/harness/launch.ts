import type Docker from 'dockerode'
import { GenericContainer, Wait } from 'testcontainers'
import {
  findGluetun,
  type GluetunOptions,
  type GluetunStandIn,
  gluetunEnv,
  roleFilePath,
} from './standins.ts'

/** Long enough for a start on a machine that is busy with 20 others, ms. */
const START_TIMEOUT_MS = 60_000

/**
 * Starts a Gluetun stand-in through testcontainers, which waits until its tunnel is up and labels it, so that the
 * sweep finds it when the test process was killed.
 */
export async function launchGluetun(
  docker: Docker,
  options: GluetunOptions,
): Promise<GluetunStandIn> {
  const container = await new GenericContainer(options.image)
    .withName(options.name)
    .withLabels({ ...options.labels })
    .withEnvironment(gluetunEnv(options))
    .withCopyContentToContainer(
      options.roleFile === undefined ? [] : [{ content: options.roleFile, target: roleFilePath }],
    )
    .withNetworkMode(options.network ?? 'bridge')
    // An image from scratch has no shell, so that the default strategy, which looks for ports by one, can only fail.
    .withWaitStrategy(Wait.forLogMessage(/control server on port/))
    .withStartupTimeout(START_TIMEOUT_MS)
    .start()
  const gluetun = await findGluetun(docker, container.getName().replace(/^\//, ''))
  if (gluetun === undefined) throw new Error(`${options.name} was started and is gone`)
  return gluetun
}
