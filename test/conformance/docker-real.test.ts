import { homedir } from 'node:os'
import Dockerode from 'dockerode'
import { connectDocker } from '../../src/docker/dockerode.ts'
import { systemClock } from '../../src/time/clock.ts'
import { buildStandIns } from '../standins/build.ts'
import { describeDocker } from './docker.ts'
import type { DockerBench } from './docker-bench.ts'

/** What the stand-ins are made from: Node alone, without an entry point. */
const IMAGE = 'acefleet/standin-base:dev'

const SCRIPT = `
const behaviour = process.env.BEHAVIOUR
if (behaviour === 'deaf') process.on('SIGTERM', () => {})
if (behaviour === 'fail') {
  console.log('one\\ntwo\\nthree')
  process.exitCode = 3
} else setInterval(() => {}, 1000)
`

async function setup(): Promise<DockerBench> {
  await buildStandIns()
  const raw = new Dockerode()
  const docker = connectDocker({ clock: systemClock, env: process.env, home: homedir() })
  return {
    docker,
    image: IMAGE,
    behave: (behaviour) => ({
      env: [`BEHAVIOUR=${behaviour}`],
      command: ['/usr/bin/node', '-e', SCRIPT],
    }),
    sleep: (ms) => systemClock.sleep(ms),
    restart: async (id) => void (await raw.getContainer(id).restart({ t: 1 })),
    halt: async (id) => void (await raw.getContainer(id).stop({ t: 1 })),
    destroy: async (id) => void (await raw.getContainer(id).remove({ force: true })),
    pause: async (id) => void (await raw.getContainer(id).pause()),
    [Symbol.asyncDispose]: async () => docker[Symbol.dispose](),
  }
}

describeDocker('the Docker daemon', setup)
