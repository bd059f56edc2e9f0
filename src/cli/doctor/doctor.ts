import { openNodeHttp } from '../../net/node-http.ts'
import type { Fleet } from '../../spec/fleet.ts'
import { loadSpecs } from '../../spec/load.ts'
import { formatProblem } from '../../spec/problem.ts'
import { createReadControl } from '../../vpn/control.ts'
import { readSmallFile } from '../../vpn/small-file.ts'
import { failureText } from '../command-failed.ts'
import type { CliParts, DockerLook } from '../parts.ts'
import type { LookOptions, RedisSettings } from '../run-options.ts'
import type { ServerClient } from '../server-client.ts'
import { attempt, type Finding, fail, ok, skipped, warn } from './finding.ts'
import { checkDataDir, checkNode as checkNodeVersion } from './machine.ts'
import { checkRedis } from './redis.ts'
import { checkHostPorts, checkImage, checkNames, checkNode, type World } from './world.ts'

/** The API that Docker 20.10 speaks; nothing newer is used. */
const LEAST_API = [1, 41] as const

export interface DoctorParts {
  readonly cli: Pick<CliParts, 'clock' | 'connectDocker' | 'io'>
  readonly options: LookOptions
  /** Asked for when it is looked at, for its flags may be wrong. @throws {CommandFailed} */
  readonly redis: () => RedisSettings | undefined
  readonly client: ServerClient
  readonly nodeVersion: string
}

async function checkServer({ client }: DoctorParts): Promise<Finding> {
  const check = 'server'
  try {
    await client.get('/healthz')
  } catch (error) {
    return warn(check, failureText(error))
  }
  try {
    await client.get('/readyz')
    return ok(check, `${client.url} is ready`)
  } catch (error) {
    return warn(check, `${client.url} answers, but is not ready: ${failureText(error)}`)
  }
}

async function checkSpecs(paths: readonly string[]) {
  const check = 'specs'
  if (paths.length === 0) {
    const finding = skipped(check, 'none was given: add --spec PATH to have them looked at')
    return { fleets: [], findings: [finding] }
  }
  const { fleets, problems } = await loadSpecs(paths)
  const names = fleets.map(({ fleet }) => fleet.name).join(', ')
  const findings =
    problems.length === 0
      ? [ok(check, `valid: ${names}`)]
      : problems.map((problem) => fail(check, formatProblem(problem)))
  return { fleets: fleets.map(({ fleet }) => fleet), findings }
}

function isOldApi(api: string): boolean {
  const [major = 0, minor = 0] = api.split('.').map(Number)
  return major < LEAST_API[0] || (major === LEAST_API[0] && minor < LEAST_API[1])
}

async function checkDocker(docker: DockerLook, signal: AbortSignal): Promise<Finding> {
  const { server, api } = await docker.version(signal)
  const text = `Docker ${server}, API ${api}`
  if (!isOldApi(api)) return ok('Docker', text)
  return fail('Docker', text, `update Docker: API ${LEAST_API.join('.')} (20.10) is the least`)
}

async function checkFleet(world: World, fleet: Fleet): Promise<readonly Finding[]> {
  const groups = await Promise.all([
    attempt(`image of ${fleet.name}`, () => checkImage(world, fleet)),
    attempt(`names of ${fleet.name}`, () => checkNames(world, fleet)),
    ...(fleet.vpn.mode === 'none'
      ? [attempt(`ports of ${fleet.name}`, () => checkHostPorts(world, fleet))]
      : fleet.vpn.nodes.map((node) =>
          attempt(`VPN node ${node.name}`, () => checkNode(world, fleet, node)),
        )),
  ])
  return groups.flat()
}

async function checkFleets(
  parts: DoctorParts,
  docker: DockerLook,
  fleets: readonly Fleet[],
): Promise<readonly Finding[]> {
  const { clock, io } = parts.cli
  using http = openNodeHttp(clock)
  const world: World = {
    docker,
    containers: await docker.list(io.signal),
    instance: parts.options.instance,
    readControl: createReadControl({ http: http.get, readFile: readSmallFile, clock }),
    signal: io.signal,
  }
  const findings: Finding[] = []
  for (const fleet of fleets) findings.push(...(await checkFleet(world, fleet)))
  return findings
}

async function checkDaemon(
  parts: DoctorParts,
  fleets: readonly Fleet[],
): Promise<readonly Finding[]> {
  const skip = fleets.map((fleet) => skipped(`fleet ${fleet.name}`, 'Docker does not answer'))
  let docker: DockerLook
  try {
    docker = await parts.cli.connectDocker(parts.options)
  } catch (error) {
    return [fail('Docker', failureText(error)), ...skip]
  }
  using _docker = docker
  try {
    const daemon = await checkDocker(docker, parts.cli.io.signal)
    return [daemon, ...(await attempt('fleets', () => checkFleets(parts, docker, fleets)))]
  } catch (error) {
    return [fail('Docker', failureText(error)), ...skip]
  }
}

/** Where the store is to be: on the Redis that replicas share, or in the data directory of a single process. */
async function checkStore(parts: DoctorParts, hasServer: boolean): Promise<readonly Finding[]> {
  const { cli, options } = parts
  const { clock, io } = cli
  let settings: RedisSettings | undefined
  try {
    settings = parts.redis()
  } catch (error) {
    return [fail('Redis', failureText(error))]
  }
  if (settings === undefined) {
    return await attempt('data directory', () => checkDataDir(options, hasServer, clock.now()))
  }
  const look = { settings, instance: options.instance, clock, signal: io.signal }
  return await attempt('Redis', () => checkRedis(look))
}

/** Looks at everything that acefleet needs; changes nothing. Each check stands for itself. */
export async function examine(parts: DoctorParts): Promise<readonly Finding[]> {
  const { fleets, findings: specs } = await checkSpecs(parts.options.specPaths)
  const [server, daemon] = await Promise.all([checkServer(parts), checkDaemon(parts, fleets)])
  const store = await checkStore(parts, server.verdict === 'ok')
  return [checkNodeVersion(parts.nodeVersion), ...specs, ...daemon, ...store, server]
}
