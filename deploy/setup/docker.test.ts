import { expect, test } from 'vitest'
import { type DockerSeat, ensureDocker, requireDocker } from './docker.ts'
import { SetupError } from './setup-error.ts'

function seat(code: string | undefined, isChosen: boolean): DockerSeat {
  return {
    url: 'unix:///somewhere/docker.sock',
    isChosen,
    ping: async () => {
      if (code !== undefined) throw Object.assign(new Error(`connect ${code}`), { code })
    },
  }
}

const nothingSaid = (line: string) => {
  throw new Error(`nothing is to be done here, but it said: ${line}`)
}

test('a Docker that runs is used as it is, and nothing is said', async () => {
  await ensureDocker(seat(undefined, false), '/nowhere', nothingSaid)
})

test.each(['ENOENT', 'ECONNREFUSED'])(
  'a Docker that the user chose and that is not there (%s) is never replaced by one of ours',
  async (code) => {
    const done = ensureDocker(seat(code, true), '/nowhere', nothingSaid)
    await expect(done).rejects.toThrow(
      /No Docker answers at unix:.*DOCKER_HOST or a docker context/,
    )
    await expect(done).rejects.toBeInstanceOf(SetupError)
  },
)

test('a Docker that hangs is told as such, and no second one is started', async () => {
  const done = ensureDocker(seat('ECONNRESET', false), '/nowhere', nothingSaid)
  await expect(done).rejects.toThrow(/does not answer as it should: .*hangs/)
})

test('what only looks starts nothing', async () => {
  await expect(requireDocker(seat('ENOENT', false))).rejects.toThrow(/No Docker answers/)
})
