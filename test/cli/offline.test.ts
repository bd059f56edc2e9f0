import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseListen, type RunOptions } from '../../src/cli/run-options.ts'
import { DockerUnreachable } from '../../src/docker/errors.ts'
import { DEFAULT_GATEWAY } from '../../src/gateway/settings.ts'
import { DataDirHeld } from '../../src/store/errors.ts'
import { cliHere } from './in-process.ts'
import { cli } from './run-cli.ts'

let dir: string
let good: string
let bad: string

const GOOD = `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: home}
spec:
  replicas: 2
  engine: {variant: krinkuto11-amd64}
  vpn:
    mode: none
  forwarding: {scope: none}
`

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'acefleet-cli-'))
  good = join(dir, 'good.yaml')
  bad = join(dir, 'bad.yaml')
  await writeFile(good, GOOD)
  const away = GOOD.replace('name: home', 'name: away').replace(
    '  vpn:',
    '  network: {ports: 20000-20099}\n  vpn:',
  )
  await writeFile(bad, away.replace('replicas: 2', 'replicas: many\n  colour: red'))
})

afterAll(() => rm(dir, { recursive: true }))

/** Every process takes a second of CPU to start, on a machine that may be busy. */
const PROCESS_MS = 120_000

/** A daemon that is not there. */
const NO_DOCKER = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' }
/** Port 1 answers nobody. */
const NO_SERVER = { ACEFLEET_SERVER: 'http://127.0.0.1:1' }

const COMMANDS = [
  'run',
  'validate',
  'schema',
  'plan',
  'get',
  'describe',
  'drain',
  'cordon',
  'uncordon',
  'delete',
  'doctor',
]

describe('help', { timeout: PROCESS_MS }, () => {
  it('names every command, the exit codes and examples', async () => {
    const { code, out } = await cli(['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    expect(out).toContain('Exit codes:')
  })

  it.each(COMMANDS)('%s --help has an example', async (command) => {
    const { code, out } = await cliHere([command, '--help'])
    expect(code).toBe(0)
    expect(out).toMatch(/Examples?:\n {2}\$ (?:\w+=\S+ )*acefleet /)
  })

  it('prints the version of the package', async () => {
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('wrong calls', { timeout: PROCESS_MS }, () => {
  it.each<[string[], string]>([
    [['frob'], "acefleet: unknown command 'frob'"],
    [['run'], "required option '--spec <path...>' not specified"],
    [['run', '--spec', 'x', '--listen', 'nowhere'], 'It must be HOST:PORT'],
    [['run', '--spec', 'x', '--listen', '127.0.0.1:70000'], 'It must be HOST:PORT'],
    [['run', '--spec', 'x', '--log-level', 'loud'], 'It must be trace, debug, info'],
    [
      ['run', '--spec', 'x', '--role', 'api'],
      'without "controller" needs --redis (ACEFLEET_REDIS)',
    ],
    [['run', '--role', 'gateway'], 'without "controller" needs --redis (ACEFLEET_REDIS)'],
    [['run', '--role', 'gateway,panel'], 'one or more of controller, gateway, api, with commas'],
    [['run', '--role', ''], 'one or more of controller, gateway, api, with commas'],
    [['run', '--spec', 'x', '--slow-viewer', 'wait'], 'Allowed choices are skip, cut'],
    [['run', '--spec', 'x', '--stop-grace', '0s'], 'It must be a duration above 0'],
    [['run', '--spec', 'x', '--relay-url', 'nas:8000'], '--relay-url (ACEFLEET_RELAY_URL) must be'],
    [['run', '--spec', 'x', '--relay-url', 'http://u:p@nas'], 'without credentials'],
    [['run', '--spec', 'x', '--redis', 'http://h'], '--redis (ACEFLEET_REDIS): this is no address'],
    [
      ['run', '--spec', 'x', '--lease-redis', 'redis://h'],
      '--lease-redis (ACEFLEET_LEASE_REDIS) needs --redis',
    ],
    [['run', '--spec', 'x', '--lease-ttl', '9s'], '--lease-ttl (ACEFLEET_LEASE_TTL) needs --redis'],
    [
      ['run', '--spec', 'x', '--lease-ttl', 'soon'],
      'It must be a duration above 0, for instance 6s',
    ],
    [
      ['run', '--spec', 'x', '--redis', 'redis://h', '--lease-redis', 'redis://a', 'redis://b'],
      '2 servers are named; it takes 1, 3 or 5',
    ],
    [
      [
        'run',
        '--spec',
        'x',
        '--redis',
        'redis://h',
        '--lease-redis',
        'redis://a,redis://b,redis://a:6379',
      ],
      'redis://a:6379 is named twice',
    ],
    [
      ['run', '--spec', 'x', '--redis', 'redis://h', '--lease-ttl', '3s', '--lease-renew', '2s'],
      '--lease-ttl 3s is too short for --lease-renew 2s: at least ',
    ],
    [['run', '--spec', 'x', '--redis-file', '/nowhere'], '/nowhere cannot be read (ENOENT)'],
    [
      ['run', '--spec', 'x', '--redis', 'redis://h', '--redis-file', '/nowhere'],
      '--redis (ACEFLEET_REDIS) and --redis-file (ACEFLEET_REDIS_FILE) are both given',
    ],
    [['get', 'engins'], 'there is no kind "engins": give one of fleets, engines'],
    [['get', 'engines', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml'],
    [['get', 'engines', '--server', 'ftp://x'], '"ftp://x" is no server address'],
    [['describe', 'event', 'x'], 'give fleet, engine or vpn'],
    [['drain'], "missing required argument 'engine|vpn'"],
  ])('%j exits 1 and says what would be right', async (args, text) => {
    const { code, out, err } = await cliHere(args)
    expect(err).toContain(text)
    expect(err).not.toContain('    at ')
    expect(out).toBe('')
    expect(code).toBe(1)
  })

  it.each<[string, string[], Record<string, string>]>([
    ['--redis', ['--redis', 'redis://:s3cr/et@h'], {}],
    ['ACEFLEET_REDIS', [], { ACEFLEET_REDIS: 'redis://:s3cret@h/no' }],
    ['--lease-redis', ['--redis', 'redis://h', '--lease-redis', 'redis//:s3cret@h'], {}],
    ['a file', ['--redis-file', 'FILE'], {}],
  ])('never repeats a password that is wrong in %s', async (_, args, env) => {
    const file = join(dir, 'redis-url')
    await writeFile(file, 'redis://user:s3cret@h:99999')
    const line = ['run', '--spec', good, ...args.map((arg) => (arg === 'FILE' ? file : arg))]
    const { code, out, err } = await cli(line, env)
    expect(`${out}${err}`).not.toContain('s3cr')
    expect(err).toMatch(/^acefleet: --(lease-)?redis/)
    expect(code).toBe(1)
  })

  it('takes flags from variables, and the flag wins', async () => {
    const env = { ACEFLEET_SERVER: 'http://127.0.0.1:1' }
    expect((await cli(['get', 'fleets'], env)).err).toContain('at http://127.0.0.1:1 ')
    const { err } = await cli(['get', 'fleets', '--server', '127.0.0.1:2'], env)
    expect(err).toContain('at http://127.0.0.1:2 ')
  })
})

describe('validate and schema', { timeout: PROCESS_MS }, () => {
  it('says what each valid document declares', async () => {
    const { code, out, err } = await cliHere(['validate', good])
    expect(out).toBe(`${good}:1: fleet "home" is valid: 2 engines, no VPN\n`)
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  it('prints all errors at once with file, line and column, and exits 1', async () => {
    const { code, out, err } = await cliHere(['validate', dir])
    expect(out).toContain('fleet "home" is valid')
    expect(err).toMatch(/bad\.yaml:5:13: spec\.replicas: /)
    expect(err).toMatch(/bad\.yaml:6:3: spec\.colour: /)
    expect(code).toBe(1)
  })

  it('exits 1 for a path that is not there', async () => {
    const { code, err } = await cliHere(['validate', join(dir, 'none.yaml')])
    expect(err).toContain('none.yaml')
    expect(code).toBe(1)
  })

  it('says the same from a process of its own', async () => {
    const { code, out, err } = await cli(['validate', good, bad])
    expect(out).toContain('fleet "home" is valid')
    expect(err.trimEnd().split('\n')).toHaveLength(2)
    expect(code).toBe(1)
  })

  it('prints a JSON Schema', async () => {
    const { code, out } = await cliHere(['schema'])
    expect(JSON.parse(out)).toMatchObject({ title: 'EngineFleet', type: 'object' })
    expect(code).toBe(0)
  })
})

describe('plan', () => {
  const change = { verb: 'create', target: 'home.0', reason: 'missing' }
  const condition = {
    type: 'Reconciling',
    status: 'True',
    reason: 'Progressing',
    message: 'being brought to its spec',
  } as const

  it('exits 0 and says so when there is nothing to do', async () => {
    const { code, out } = await cliHere(['plan', '--spec', good])
    expect(out).toBe('Nothing to do.\n')
    expect(code).toBe(0)
  })

  it('exits 2 and lists changes and conditions when there are some', async () => {
    const preview = { actions: [change], conditions: [condition] }
    const { code, out } = await cliHere(['plan', '--spec', good], { preview })
    expect(out).toBe(
      [
        'ACTION   TARGET   REASON',
        'create   home.0   missing',
        '',
        'CONDITION     STATUS   REASON        MESSAGE',
        'Reconciling   True     Progressing   being brought to its spec',
        '',
        '1 change would be made. Nothing was changed.',
        '',
      ].join('\n'),
    )
    expect(code).toBe(2)
  })

  it('prints JSON and YAML when asked', async () => {
    const preview = { actions: [change], conditions: [] }
    const json = await cliHere(['plan', '--spec', good, '-o', 'json'], { preview })
    expect(JSON.parse(json.out)).toEqual(preview)
    const yaml = await cliHere(['plan', '--spec', good, '-o', 'yaml'], { preview })
    expect(yaml.out).toContain('actions:\n  - verb: create\n')
  })

  it('exits 1 with the message alone when looking fails', async () => {
    const planOnce = () => Promise.reject(new DockerUnreachable('no daemon: start it'))
    const { code, out, err } = await cliHere(['plan', '--spec', good], { planOnce })
    expect([code, out, err]).toEqual([1, '', 'acefleet: no daemon: start it\n'])
  })
})

describe('run', () => {
  it('hands on what flags say, and exits with what the server answers', async () => {
    const seen: RunOptions[] = []
    const { code } = await cliHere(
      ['run', '--spec', 'a', 'b', '--data', 'd', '--instance', 'x', '--listen', '[::1]:9'],
      {
        env: { DOCKER_HOST: 'tcp://h:2375', SECRET: 's' },
        runServer: async (options) => {
          seen.push(options)
          return 3
        },
      },
    )
    expect(code).toBe(3)
    expect(seen).toEqual([
      expect.objectContaining({
        specPaths: ['a', 'b'],
        dataDir: 'd',
        instance: 'x',
        listen: { host: '::1', port: 9 },
        roles: new Set(['controller', 'gateway', 'api']),
        gateway: DEFAULT_GATEWAY,
        relayUrl: undefined,
        logLevel: 'info',
        hostname: 'box',
      }),
    ])
    expect(seen[0]?.dockerEnv).toMatchObject({ DOCKER_HOST: 'tcp://h:2375', HOME: '/nonexistent' })
    expect(seen[0]?.dockerEnv).not.toHaveProperty('SECRET')
  })

  it('hands on how viewers are served, and by which roles', async () => {
    const seen: RunOptions[] = []
    const runServer = async (options: RunOptions) => seen.push(options)
    const viewers = ['--stop-grace', '30s', '--drain-timeout', '1m', '--slow-viewer', 'cut']
    const engines = ['--start-timeout', '90s', '--stall-timeout', '5s']
    const run = ['run', '--redis', 'redis://h', '--relay-url', 'http://nas:8000/']
    await cliHere([...run, ...viewers, ...engines, '--role', 'api, gateway'], { runServer })
    const gateway = {
      ...{ graceMs: 30_000, drainMs: 60_000, slowViewer: 'cut' },
      ...{ startTimeoutMs: 90_000, silenceMs: 5_000 },
    }
    expect(seen).toMatchObject([{ specPaths: [], relayUrl: 'http://nas:8000', gateway }])
    expect(seen[0]?.roles).toEqual(new Set(['gateway', 'api']))
  })

  it('exits 1 with the message alone when it cannot begin', async () => {
    const runServer = () => Promise.reject(new DataDirHeld('held by pid 7: stop that one'))
    const { code, err } = await cliHere(['run', '--spec', 'a'], { runServer })
    expect([code, err]).toEqual([1, 'acefleet: held by pid 7: stop that one\n'])
  })

  it.each([
    ['8080', { host: '127.0.0.1', port: 8080 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
    ['box.lan:1', { host: 'box.lan', port: 1 }],
  ])('reads --listen %s', (text, address) => {
    expect(parseListen(text)).toEqual(address)
  })
})

describe('without a server or a daemon', { timeout: PROCESS_MS }, () => {
  it.each([
    [['get', 'fleets']],
    [['get', 'engines', '-w']],
    [['describe', 'engine', 'home.0']],
    [['drain', 'home.0']],
    [['delete', 'home']],
  ])('%j says which URL was asked and how to start a server', async (args) => {
    const { code, err } = await cliHere([...args, '--server', 'http://127.0.0.1:1'])
    expect(err).toContain('no acefleet server answers at http://127.0.0.1:1 ')
    expect(err).toContain('acefleet run --spec specs')
    expect(code).toBe(1)
  })

  it('plan exits 1 when Docker cannot be reached, and says how to mend it', async () => {
    const args = ['plan', '--spec', good, '--data', join(dir, 'no-data')]
    const { code, out, err } = await cli(args, NO_DOCKER)
    expect(err).toContain('/nonexistent/docker.sock')
    expect(out).toBe('')
    expect(code).toBe(1)
  })

  it('plan refuses specs with errors before it looks at anything', async () => {
    const { code, err } = await cliHere(['plan', '--spec', bad])
    expect(err).toContain('2 problems in the specs:')
    expect(code).toBe(1)
  })

  it('doctor looks at everything though one thing fails, leaves nothing behind, and exits 1', async () => {
    const data = join(dir, 'data')
    const args = ['doctor', '--spec', good, '--data', data, '-o', 'json']
    const { code, out } = await cli(args, { ...NO_DOCKER, ...NO_SERVER })
    const items: { check: string; verdict: string; message: string }[] = JSON.parse(out).items
    const verdicts = Object.fromEntries(items.map((item) => [item.check, item.verdict]))
    expect(verdicts).toMatchObject({
      specs: 'ok',
      Docker: 'fail',
      'fleet home': 'skipped',
      'data directory': 'ok',
      server: 'warn',
    })
    expect(items.find((item) => item.check === 'Docker')?.message).toContain('nonexistent')
    await expect(rm(data)).rejects.toThrow('ENOENT')
    expect(code).toBe(1)
  })
})
