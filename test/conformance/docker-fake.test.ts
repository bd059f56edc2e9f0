import type { ContainerSpec } from '../../src/docker/port.ts'
import { makeFakeDocker, type Program } from '../sim/fake-docker.ts'
import { makeRandom } from '../sim/random.ts'
import { makeVirtualClock, type VirtualClock } from '../sim/virtual-clock.ts'
import { describeDocker } from './docker.ts'
import type { DockerBench } from './docker-bench.ts'

const IMAGE = 'conformance/bench:1'

const programs: Readonly<Record<string, Program>> = {
  serve: { ports: [], stopMs: 100 },
  deaf: { ports: [], stopMs: Infinity },
  fail: { ports: [], stopMs: 0, exitAfterMs: 50, exitCode: 3, output: ['one', 'two', 'three'] },
}

function programOf({ env }: ContainerSpec): Program {
  return programs[env[0]?.replace('BEHAVIOUR=', '') ?? ''] ?? { ports: [], stopMs: 100 }
}

/** Virtual time that runs on by itself, so that the suite can simply wait. */
function letRun(clock: VirtualClock): () => void {
  let isRunning = true
  const run = async () => {
    while (isRunning) await clock.advance(1)
  }
  void run()
  return () => {
    isRunning = false
  }
}

async function setup(): Promise<DockerBench> {
  const clock = makeVirtualClock()
  const docker = makeFakeDocker({
    clock,
    random: makeRandom(1),
    images: [IMAGE],
    program: programOf,
  })
  const stop = letRun(clock)
  return {
    docker,
    image: IMAGE,
    behave: (behaviour) => ({ env: [`BEHAVIOUR=${behaviour}`] }),
    sleep: (ms) => clock.sleep(ms),
    restart: async (id) => docker.restart(id),
    halt: async (id) => docker.halt(id),
    destroy: async (id) => docker.destroy(id),
    pause: async (id) => docker.pause(id),
    [Symbol.asyncDispose]: async () => stop(),
  }
}

describeDocker('the fake Docker', setup)
