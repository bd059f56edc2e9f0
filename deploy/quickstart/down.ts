import { existsSync, rmSync } from 'node:fs'
import type Docker from 'dockerode'
import { requireDocker } from '../setup/docker.ts'
import type { Say } from '../setup/root.ts'
import { findSeat } from '../setup/seat.ts'
import { demo } from './demo.ts'
import { endProcess, forgetRun, livingRun } from './run-file.ts'

/** Removes what the quickstart made: processes, engines, VPN nodes, images and data. */
export async function takeDown(say: Say): Promise<void> {
  const seat = findSeat()
  await requireDocker(seat)
  const run = livingRun()
  for (const pid of [run?.quickstart, ...(run?.children ?? [])]) {
    if (pid === undefined) continue
    say(`Ending process ${pid}`)
    await endProcess(pid)
  }
  // Engines first: without their VPN node they would be cut off for a moment.
  await removeContainers(seat.client, [`acefleet.instance=${demo.instance}`], say)
  const labels = Object.entries(demo.label).map(([key, value]) => `${key}=${value}`)
  await removeContainers(seat.client, labels, say)
  if (!demo.keepsImages) await removeImages(seat.client, say)
  const logs = [demo.logFile, demo.redisLog, ...demo.replicaLogs]
  for (const path of [demo.dataDir, demo.redisDir, ...logs].filter(existsSync)) {
    say(`Removing ${path}`)
    rmSync(path, { recursive: true, force: true })
  }
  forgetRun()
  say('All that the quickstart made is gone. Docker and node_modules stay.')
}

async function removeContainers(docker: Docker, label: string[], say: Say): Promise<void> {
  const found = await docker.listContainers({ all: true, filters: { label } })
  if (found.length === 0) return
  say(`Removing ${found.map(({ Names }) => Names[0]?.slice(1)).join(', ')}`)
  await Promise.all(
    found.map(({ Id }) => ignoring([404, 409], docker.getContainer(Id).remove({ force: true }))),
  )
}

/** Not forced: an image that any container uses stays. Youngest first, for the others are their parents. */
async function removeImages(docker: Docker, say: Say): Promise<void> {
  const found = await docker.listImages({ filters: { label: ['acefleet.standin'] } })
  for (const { Id, RepoTags } of found.toSorted((a, b) => b.Created - a.Created)) {
    // An outdated one has lost its tag to the next; older daemons then give it this one.
    const tags = RepoTags?.filter((tag) => tag !== '<none>:<none>') ?? []
    for (const name of tags.length === 0 ? [Id] : tags) {
      const isRemoved = await ignoring([404, 409], docker.getImage(name).remove())
      say(isRemoved ? `Removed image ${name}` : `Image ${name} stays: something else uses it`)
    }
  }
}

/** Whether it was done; false when the daemon refused with one of these: gone already, or in use. */
async function ignoring(statuses: readonly number[], done: Promise<unknown>): Promise<boolean> {
  try {
    await done
    return true
  } catch (error) {
    if (statuses.includes((error as { statusCode?: number }).statusCode ?? 0)) return false
    throw error
  }
}
