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
): Promise<readonly Docker.Container[]> {
  return await inLanes(containers, concurrency, async ({ name, body }) => {
    const container = await docker.createContainer({ name, ...body })
    await container.start()
    return container
  })
}

/** Ends them as acefleet does, one call at a time for each: what the daemon has to tidy up afterwards is the same. */
export async function stopAndRemove(
  containers: readonly Docker.Container[],
  concurrency: number,
): Promise<void> {
  await inLanes(containers, concurrency, async (container) => {
    await container.stop({ t: 10 })
    await container.remove()
  })
}

async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const left = [...items]
  const results: R[] = []
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      results.push(await work(next))
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return results
}
