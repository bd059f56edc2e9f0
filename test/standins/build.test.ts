import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { expect, test } from 'vitest'
import { BuildFailed, buildStandIns } from './build.ts'

/** A daemon without images, whose every build tells this. */
function daemonThatTells(lines: readonly string[]): Docker {
  const missing = Object.assign(new Error('No such image'), { statusCode: 404 })
  return Object.assign(new Docker(), {
    getImage: () => ({ inspect: () => Promise.reject(missing) }),
    buildImage: async () => Readable.from(lines.map((line) => `${line}\n`)),
  })
}

test('a step that failed fails the build, though the stream ends well', async () => {
  const docker = daemonThatTells(['{"stream":"Step 1/3"}', '{"error":"COPY failed: no file"}'])
  await expect(buildStandIns({ docker })).rejects.toThrow('standin-base:dev: COPY failed: no file')
})

test('a build that was cut off, so that no image is there, fails', async () => {
  const docker = daemonThatTells(['{"stream":"Step 1/3"}'])
  await expect(buildStandIns({ docker })).rejects.toThrow(BuildFailed)
})

test('a daemon that fails to look at an image is not one without it', async () => {
  const docker = Object.assign(daemonThatTells([]), {
    getImage: () => ({ inspect: () => Promise.reject(new Error('hung up')) }),
  })
  await expect(buildStandIns({ docker })).rejects.toThrow('hung up')
})
