import type Docker from 'dockerode'

/** What the raw API is asked to create. */
export interface RawContainer {
  readonly name: string
  readonly body: Docker.ContainerCreateOptions
}

/** The same container again, under another name, and with other labels in the place of those that say whose it is. */
export async function copyOf(
  docker: Docker,
  id: string,
  rename: { readonly prefix: string; readonly labels: Readonly<Record<string, string>> },
): Promise<RawContainer> {
  const { Name, Config, HostConfig } = await docker.getContainer(id).inspect()
  const { NetworkMode, RestartPolicy, AutoRemove, Init, Memory, NanoCpus } = HostConfig
  return {
    name: `${rename.prefix}${Name.replace(/^\//, '')}`,
    body: {
      Image: Config.Image,
      Env: Config.Env,
      ...(Config.Cmd === null ? {} : { Cmd: Config.Cmd }),
      Labels: { ...Config.Labels, ...rename.labels },
      HostConfig: { NetworkMode, RestartPolicy, AutoRemove, Init, Memory, NanoCpus },
    },
  }
}

/** Creates and starts them all, so many at once, and returns when the daemon has answered the last. */
export async function createAndStart(
  docker: Docker,
  containers: readonly RawContainer[],
  concurrency: number,
): Promise<void> {
  const left = [...containers]
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { name, body } = next
      const container = await docker.createContainer({ name, ...body })
      await container.start()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
}
