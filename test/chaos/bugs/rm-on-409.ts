/** Takes a name that is taken for a leftover: removes whoever has it, and creates again. */
import Dockerode from 'dockerode'
import { connectDocker as connect } from '../../../src/docker/dockerode.ts'
import { NameTaken } from '../../../src/docker/errors.ts'

export * from '../../../src/docker/dockerode.ts'

export const connectDocker: typeof connect = (options) => {
  const docker = connect(options)
  return {
    ...docker,
    async create(lease, spec, signal) {
      try {
        return await docker.create(lease, spec, signal)
      } catch (error) {
        if (!(error instanceof NameTaken)) throw error
        await new Dockerode().getContainer(spec.name).remove({ force: true })
        return await docker.create(lease, spec, signal)
      }
    },
  }
}
