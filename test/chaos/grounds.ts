import type Docker from 'dockerode'
import { launchGluetun } from '../harness/launch.ts'
import { removeLabelled } from '../harness/standins.ts'
import type { StandInImages } from '../standins/build.ts'

/** What outlives blocks: images, and the VPN nodes behind which one fleet after the other lives. */
export interface Grounds extends AsyncDisposable {
  readonly docker: Docker
  readonly images: StandInImages
  /** Names of the VPN nodes. */
  readonly nodes: readonly string[]
}

export async function layGrounds(docker: Docker, images: StandInImages): Promise<Grounds> {
  // The sweep of the integration tests knows leftovers by this form.
  const labels = { 'acefleet.test': `test-t${process.pid}x0` }
  const nodes = ['a', 'b'].map((letter) => `chaos${process.pid}-${letter}`)
  const remove = () => removeLabelled(docker, labels)
  try {
    for (const [i, name] of nodes.entries())
      await launchGluetun(docker, {
        ...{ image: images.gluetun, name, labels },
        port: 40_001 + i,
        publicIp: `198.51.100.${i + 1}`,
      })
  } catch (error) {
    await remove()
    throw error
  }
  return {
    ...{ docker, images, nodes },
    async [Symbol.asyncDispose]() {
      await remove()
    },
  }
}
