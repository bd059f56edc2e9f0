import type Docker from 'dockerode'
import { findGluetun, startGluetun } from '../../test/harness/standins.ts'
import type { Say } from '../setup/root.ts'
import { SetupError } from '../setup/setup-error.ts'
import { demo } from './demo.ts'

/** Makes both Gluetun stand-ins run, those of an earlier run included. Somebody else's of the same name stay untouched. */
export async function startGluetuns(docker: Docker, image: string, say: Say): Promise<void> {
  const { Id: imageId } = await docker.getImage(image).inspect()
  const found = await Promise.all(demo.gluetuns.map(({ name }) => look(docker, name)))
  for (const [index, { name, publicIp, port }] of demo.gluetuns.entries()) {
    const there = found[index]
    if (there?.imageId === imageId) {
      if (!there.isRunning) await restart(docker, name, say)
      continue
    }
    if (there !== undefined) await docker.getContainer(there.id).remove({ force: true })
    say(`${there === undefined ? 'Starting' : 'Renewing'} the stand-in for VPN node ${name}`)
    await startGluetun(docker, { image, name, publicIp, port, labels: demo.label })
  }
}

interface Found {
  readonly id: string
  readonly imageId: string
  readonly isRunning: boolean
}

async function look(docker: Docker, name: string): Promise<Found | undefined> {
  const gluetun = await findGluetun(docker, name)
  if (gluetun === undefined) return undefined
  const { Config, Image, State } = await docker.getContainer(gluetun.id).inspect()
  const isOurs = Object.entries(demo.label).every(([key, value]) => Config.Labels[key] === value)
  if (!isOurs) {
    throw new SetupError(
      `A container named ${name} is here and is not the quickstart's, so it stays untouched. To go on, rename it (docker rename ${name} …) or use another machine's Docker.`,
    )
  }
  return { id: gluetun.id, imageId: Image, isRunning: State.Running }
}

async function restart(docker: Docker, name: string, say: Say): Promise<void> {
  say(`Starting the stand-in for VPN node ${name} again`)
  const gluetun = await findGluetun(docker, name)
  await gluetun?.start()
}
