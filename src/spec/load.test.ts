import { describe, expect, it } from 'vitest'
import { checkSpecs, type LoadedSpecs } from './load.ts'
import { formatProblem, formatProblems } from './problem.ts'

const NODES = `
    nodes:
      - {name: gluetun-a, ports: 19000-19499}
      - {name: gluetun-b, ports: 19500-19999}`

interface Parts {
  readonly name?: string
  readonly replicas?: string
  readonly engine?: string
  readonly vpn?: string
  readonly rest?: string
}

/** A sound document but for what a test puts in. */
function spec(parts: Parts = {}): string {
  const { name = 'home', replicas = '6', engine = '{}', rest = '' } = parts
  const { vpn = `\n    mode: redundant${NODES}` } = parts
  return `apiVersion: acefleet/v1
kind: EngineFleet
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  engine: ${engine}
  vpn: ${vpn}${rest === '' ? '' : `\n  ${rest}`}
`
}

function check(...texts: string[]): LoadedSpecs {
  return checkSpecs(texts.map((text, index) => ({ file: `${'abc'[index]}.yaml`, text })))
}

function problemsOf(...texts: string[]): string[] {
  return check(...texts).problems.map(formatProblem)
}

/** A node list of one line each. */
function vpn(mode: string, ...nodes: string[]): string {
  return `\n    mode: ${mode}\n    nodes:${nodes.map((node) => `\n      - {${node}}`).join('')}`
}

describe('a sound document', () => {
  it('means a fleet with every default filled in', () => {
    const { fleets, problems } = check(spec())
    expect(problems).toEqual([])
    expect(fleets[0]).toMatchObject({ source: 'a.yaml', line: 1 })
    expect(fleets[0]?.fleet).toMatchObject({
      name: 'home',
      replicas: 6,
      engine: {
        variant: 'krinkuto11-amd64',
        image: 'ghcr.io/krinkuto11/acestream-http-proxy:latest',
        pullPolicy: 'IfNotPresent',
        maxStreams: 2,
        health: { intervalMs: 5_000, timeoutMs: 2_000, failures: 3 },
        startTimeoutMs: 60_000,
      },
      vpn: { downGraceMs: 15_000, restartVpnAfterMs: 60_000, restartContainerAfterMs: 'never' },
      forwarding: { scope: 'fleet', portGraceMs: 300_000 },
      update: { maxSurge: 1, maxUnavailable: 0, drainTimeoutMs: 600_000 },
    })
  })

  it('may ask for no engine at all', () => {
    expect(problemsOf(spec({ replicas: '0' }))).toEqual([])
  })

  it('without a VPN forwards nothing, whether it says so or keeps the default', () => {
    const scopes = ['', 'forwarding: {scope: fleet}', 'forwarding: {scope: none}'].map(
      (rest) => check(spec({ vpn: '{mode: none}', rest })).fleets[0],
    )
    expect(scopes.map((each) => each?.fleet.forwarding.scope)).toEqual(['none', 'none', 'none'])
    expect(new Set(scopes.map((each) => each?.hash)).size).toBe(1)
  })

  it('stands beside others in the same file, comments and empty documents between them', () => {
    const other = spec({ name: 'b', vpn: vpn('single', 'name: gg, ports: 18600-18700') })
    const text = `# first\n---\n${spec()}---\n# nothing\n---\n${other}...\n`
    const { fleets, problems } = check(text.replace('18600-18700', '20000-20099'))
    expect(problems).toEqual([])
    expect(fleets.map(({ fleet, line }) => [fleet.name, line])).toEqual([
      ['home', 3],
      ['b', 17],
    ])
  })

  it('may use anchors', () => {
    const text = spec({ engine: '{health: &h {interval: 3s}, resources: {}}' })
    expect(problemsOf(text)).toEqual([])
  })
})

describe('each error stands where it is, with what would be right', () => {
  it.each<[string, Parts, string]>([
    [
      'a misspelt key',
      { rest: 'updaet: {}' },
      'a.yaml:12:3: spec.updaet: is no key here: did you mean update?',
    ],
    [
      'a misplaced key',
      { rest: 'maxStreams: 3' },
      'a.yaml:12:3: spec.maxStreams: is no key here: it belongs in spec.engine',
    ],
    [
      'autoscaling',
      { rest: 'autoscaling: {min: 1}' },
      'a.yaml:12:3: spec.autoscaling: autoscaling comes with a later version: use spec.replicas until then',
    ],
    [
      'a missing value',
      { replicas: '' },
      'a.yaml:5:13: spec.replicas: is empty: it must be a whole number from 0 to 10000',
    ],
    [
      'replicas below 0',
      { replicas: '-1' },
      'a.yaml:5:13: spec.replicas: is the number -1: it must be a whole number from 0 to 10000',
    ],
    [
      'half an engine',
      { replicas: '1.5' },
      'a.yaml:5:13: spec.replicas: is the number 1.5: it must be a whole number from 0 to 10000',
    ],
    [
      'a fleet name with dots',
      { name: 'a.b' },
      'a.yaml:3:18: metadata.name: is "a.b": it must be a DNS label: a-z, 0-9 and dashes inside, at most 63',
    ],
    [
      'a number for a duration',
      { engine: '{startTimeout: 60}' },
      'a.yaml:6:26: spec.engine.startTimeout: is the number 60: it must be a duration such as 60s',
    ],
    [
      'a duration of more than a week',
      { rest: 'update: {drainTimeout: 169h}' },
      'a.yaml:12:26: spec.update.drainTimeout: is "169h": it must be a duration',
    ],
    [
      'never where it is not allowed',
      { engine: '{startTimeout: never}' },
      'spec.engine.startTimeout: is "never": it must be a duration',
    ],
    [
      'an unknown variant',
      { engine: '{variant: jopsis}' },
      'a.yaml:6:21: spec.engine.variant: is "jopsis": it must be one of krinkuto11-amd64, jopsis-amd64',
    ],
    [
      'a bad environment name',
      { engine: '{env: {A-B: x}}' },
      'a.yaml:6:18: spec.engine.env.A-B: is no name of an environment variable',
    ],
    [
      'a number for a variable',
      { engine: '{env: {A: 1}}' },
      'a.yaml:6:21: spec.engine.env.A: is the number 1: it must be a text; put numbers and true or false in quotes',
    ],
    [
      'memory in no unit',
      { engine: '{resources: {memory: 1GB}}' },
      'a.yaml:6:32: spec.engine.resources.memory: is "1GB": it must be an amount of memory such as 512Mi',
    ],
    [
      'too little memory for Docker',
      { engine: '{resources: {memory: 5Mi}}' },
      'is "5Mi": it must be at least 6Mi',
    ],
    [
      'an image with blanks',
      { engine: '{image: "a b"}' },
      'spec.engine.image: is "a b": it must be an image name',
    ],
    [
      'a probe that outlasts its interval',
      { engine: '{health: {interval: 1s}}' },
      'a.yaml:6:12: spec.engine.health.timeout: is 2s, longer than the interval of 1s: make it 1s or less',
    ],
    [
      'neither surge nor unavailability',
      { rest: 'update: {maxSurge: 0}' },
      'a.yaml:12:22: spec.update.maxSurge: is 0 and so is maxUnavailable',
    ],
    [
      'prefer of no node',
      { rest: 'forwarding: {prefer: gluetun-c}' },
      'a.yaml:12:24: spec.forwarding.prefer: is "gluetun-c", which is no VPN node of this fleet: did you mean gluetun-a?',
    ],
    [
      'prefer with one per node',
      { rest: 'forwarding: {scope: vpn, prefer: gluetun-a}' },
      'spec.forwarding.prefer: has no meaning with scope vpn',
    ],
    [
      'network with a VPN',
      { rest: 'network: {bind: 0.0.0.0}' },
      'a.yaml:12:3: spec.network: is for vpn.mode none only',
    ],
    [
      'a section that is a list',
      { rest: 'update: []' },
      'a.yaml:12:11: spec.update: is a list: it must be a section with maxSurge',
    ],
    [
      'custom without image and arguments',
      { engine: '{variant: custom}' },
      'a.yaml:6:3: spec.engine.image: is missing: variant custom has no image of its own',
    ],
    [
      'custom without a port',
      { engine: '{variant: custom, image: x, args: [--go]}' },
      'a.yaml:6:45: spec.engine.args: has no {httpPort}',
    ],
    [
      'a misspelt placeholder',
      { engine: '{variant: custom, image: x, args: ["{httpPort} {htpsPort}"]}' },
      'a.yaml:6:46: spec.engine.args[0]: has {htpsPort}, which nothing fills in: did you mean {httpsPort}?',
    ],
    [
      'a port flag beside the preset’s',
      { engine: '{args: [--http-port=1]}' },
      'spec.engine.args[0]: is --http-port, which the preset gives to every engine',
    ],
    [
      'an argument that a preset would cut',
      { engine: '{args: ["--x y"]}' },
      'spec.engine.args[0]: has white space',
    ],
    [
      'a variable that carries ports',
      { engine: '{env: {CONF: x}}' },
      'a.yaml:6:18: spec.engine.env.CONF: is how krinkuto11-amd64 passes ports',
    ],
    [
      'internal ports that meet',
      { engine: '{ports: {https: 17003}}' },
      'is 17000-17007, which overlaps 17003-17010 of spec.engine.ports.https',
    ],
    [
      'internal ports among a node’s',
      { engine: '{ports: {api: 19100}}' },
      'a.yaml:6:25: spec.engine.ports.api: is 19100-19107, which overlaps 19000-19499 of spec.vpn.nodes[0].ports',
    ],
    [
      'internal ports on Gluetun’s',
      { engine: '{ports: {p2p: 8381}}' },
      'spec.engine.ports.p2p: begins 8381-8388, with 8388, on which Gluetun itself listens',
    ],
    [
      'internal ports beyond the last',
      { engine: '{ports: {p2p: 65530}}' },
      'spec.engine.ports.p2p: begins a range that ends at 65537',
    ],
    [
      'no VPN section',
      { vpn: '' },
      'a.yaml:7:6: spec.vpn: is empty: it must be a section with mode',
    ],
    [
      'single without a node',
      { vpn: '{mode: single}' },
      'spec.vpn.nodes: has 0 nodes: mode single takes exactly one, name one',
    ],
    [
      'single with two nodes',
      { vpn: `\n    mode: single${NODES}` },
      'a.yaml:10:7: spec.vpn.nodes: has 2 nodes: mode single takes exactly one',
    ],
    [
      'redundant with one node',
      { vpn: vpn('redundant', 'name: g1, ports: 19000-19499') },
      'spec.vpn.nodes: has 1 node: mode redundant takes two or more',
    ],
    [
      'none with nodes',
      { vpn: `\n    mode: none${NODES}` },
      'spec.vpn.nodes: is given although the mode is none',
    ],
    [
      'one per node without nodes',
      { vpn: '{mode: none}', rest: 'forwarding: {scope: vpn}' },
      'spec.forwarding.scope: is vpn, but without a VPN there is no port to forward',
    ],
    [
      'a bind address that is a name',
      { vpn: '{mode: none}', rest: 'network: {bind: localhost}' },
      'spec.network.bind: is "localhost": it must be an IP address',
    ],
    [
      'the host’s network',
      { vpn: '{mode: none}', rest: 'network: {name: host}' },
      'spec.network.name: is "host": it must be the name of a Docker network',
    ],
    [
      'a bad control address',
      { vpn: vpn('single', 'name: g1, ports: 19000-19099, control: {url: "gluetun:8000"}') },
      'spec.vpn.nodes[0].control.url: is "gluetun:8000": it must be an http:// or https:// address',
    ],
    [
      'a user without a password',
      { vpn: vpn('single', 'name: g1, ports: 19000-19099, control: {usernameFile: /u}') },
      'spec.vpn.nodes[0].control: has no passwordFile',
    ],
    [
      'an address with a port',
      { vpn: vpn('single', 'name: g1, ports: 19000-19099, address: "g1:80"') },
      'spec.vpn.nodes[0].address: is "g1:80": it must be a host name or an IP address',
    ],
    [
      'a node named like an engine',
      { vpn: vpn('single', 'name: home.3, ports: 19000-19099') },
      'spec.vpn.nodes[0].name: is "home.3", a name that engines of fleet home get',
    ],
    [
      'a node given twice',
      { vpn: vpn('redundant', 'name: g1, ports: 19000-19099', 'name: g1, ports: 19100-19199') },
      'a.yaml:11:16: spec.vpn.nodes[1].name: is "g1", which a.yaml:10:16 names too',
    ],
    [
      'a backward range',
      { vpn: vpn('single', 'name: g1, ports: 19099-19000') },
      'is "19099-19000": it must be two ports from 1 to 65535, the lower one first',
    ],
    [
      'a single port',
      { vpn: vpn('single', 'name: g1, ports: 19000') },
      'is the number 19000: it must be two ports',
    ],
    [
      'overlapping nodes',
      { vpn: vpn('redundant', 'name: g1, ports: 19000-19100', 'name: g2, ports: 19100-19199') },
      'a.yaml:11:27: spec.vpn.nodes[1].ports: is 19100-19199, which overlaps 19000-19100 of spec.vpn.nodes[0].ports',
    ],
  ])('%s', (_, parts, expected) => {
    const problems = problemsOf(spec(parts))
    expect(problems.join('\n')).toContain(expected)
    expect(check(spec(parts)).fleets).toEqual([])
  })
})

describe('I11: a range holds every slot on every node', () => {
  // 6 replicas, maxSurge 1 and the forwarded engine.
  it('takes exactly replicas + maxSurge + 1 ports', () => {
    const of = (ports: string) =>
      problemsOf(spec({ vpn: vpn('single', `name: g1, ports: ${ports}`) }))
    expect(of('19000-19007')).toEqual([])
    expect(of('19000-19006')[0]).toContain('holds 7 ports, but 6 replicas and maxSurge 1 need 8')
    expect(of('19000-19006')[0]).toContain('make it 19000-19007 or more')
  })

  it('does not begin on a port of Gluetun’s, where the forwarded engine would be', () => {
    const ports = vpn('single', 'name: g1, ports: 8000-8100')
    expect(problemsOf(spec({ vpn: ports }))[0]).toContain(
      'has 8000, on which Gluetun itself listens',
    )
    expect(problemsOf(spec({ vpn: ports, rest: 'forwarding: {scope: none}' }))).toEqual([])
  })

  it('may skip a slot on a port of Gluetun’s only when surge makes up for it', () => {
    const ports = vpn('single', 'name: g1, ports: 8880-8980')
    const of = (replicas: string, rest: string) => problemsOf(spec({ vpn: ports, replicas, rest }))
    expect(of('6', '')).toEqual([])
    expect(of('8', '')[0]).toContain('has 8888, on which Gluetun itself listens')
    expect(of('8', 'update: {maxSurge: 2}')).toEqual([])
  })
})

describe('all errors at once', () => {
  it('tells of wrong shape and broken rules of one document together', () => {
    const text = spec({
      replicas: 'many',
      engine: '{health: {interval: 1s}}',
      vpn: vpn('single', 'name: g1, ports: 19000-19100', 'name: g1, ports: 19050-19199, prot: 1'),
      rest: 'update: {maxSurge: 0}',
    })
    const problems = problemsOf(text)
    const expected = [
      '"many"',
      'longer than the interval',
      'exactly one',
      'names too',
      'overlaps',
      'spec.vpn.nodes[1].prot',
      'maxUnavailable',
    ]
    for (const part of expected) expect(problems.join('\n')).toContain(part)
    expect(problems).toHaveLength(expected.length)
  })

  it('tells of every document of every file, in their order', () => {
    const { problems } = check(
      `${spec({ replicas: 'x' })}---\nkind: Pod\n---\n[\n`,
      spec({ name: 'B', vpn: vpn('single', 'name: gg, ports: 20000-20099') }),
    )
    expect(problems.map(({ file, line, kind }) => [file, line, kind])).toEqual([
      ['a.yaml', 5, 'invalid'],
      ['a.yaml', 13, 'invalid'],
      ['a.yaml', 15, 'syntax'],
      ['b.yaml', 3, 'invalid'],
    ])
  })

  it('concludes nothing from what is broken', () => {
    const text = spec({
      vpn: `\n    mode: redundant\n    nodes:\n      - {name: 5, ports: x}\n      - 7`,
    })
    expect(problemsOf(text).map((each) => each.split(': ')[1])).toEqual([
      'spec.vpn.nodes[0].name',
      'spec.vpn.nodes[0].ports',
      'spec.vpn.nodes[1]',
    ])
  })

  it('counts nodes that are broken themselves, and none where the list is no list', () => {
    const broken = problemsOf(spec({ vpn: '{mode: single, downGrace: 5}' }))
    expect(broken.join('\n')).toContain('mode single takes exactly one')
    expect(problemsOf(spec({ vpn: '{mode: single, nodes: {0: a}}' }))).toEqual([
      'a.yaml:7:30: spec.vpn.nodes: is a section: it must be a list of at most 100 VPN nodes',
    ])
  })

  it('leaves the sound documents beside a broken one', () => {
    const other = spec({ name: 'b', vpn: vpn('single', 'name: gg, ports: 20000-20099') })
    expect(
      check(`${spec({ replicas: 'x' })}---\n${other}`).fleets.map((each) => each.fleet.name),
    ).toEqual(['b'])
    expect(check(`a: [1\n---\n${other}`).fleets.map((each) => each.fleet.name)).toEqual(['b'])
  })
})

describe('two fleets', () => {
  it('of one name are both refused, each with the other’s place', () => {
    const second = spec({ vpn: vpn('single', 'name: gg, ports: 20000-20099') })
    const { fleets, problems } = check(spec(), second)
    expect(fleets).toEqual([])
    expect(problems.map(formatProblem)).toEqual([
      'a.yaml:3:18: metadata.name: is "home", as the fleet in b.yaml:3:18: rename one of them',
      'b.yaml:3:18: metadata.name: is "home", as the fleet in a.yaml:3:18: rename one of them',
    ])
  })

  it('can not share a VPN node', () => {
    const second = spec({ name: 'b', vpn: vpn('single', 'name: gluetun-b, ports: 20000-20099') })
    const { fleets, problems } = check(spec(), second)
    expect(fleets).toEqual([])
    expect(formatProblems(problems)).toContain(
      'b.yaml:10:16: spec.vpn.nodes[0].name: is "gluetun-b", which a.yaml:11:16 names too',
    )
  })

  it('can not publish the same host ports, and a third one is not concerned', () => {
    const none = (name: string, ports: string) =>
      spec({ name, vpn: '{mode: none}', rest: `network: {ports: ${ports}}` })
    const { fleets, problems } = check(
      none('x', '20000-20099'),
      none('y', '20050-20199'),
      none('z', '20200-20299'),
    )
    expect(fleets.map(({ fleet }) => fleet.name)).toEqual(['z'])
    expect(formatProblems(problems)).toContain(
      'b.yaml:8:20: spec.network.ports: is 20050-20199, which overlaps 20000-20099 of fleet x in a.yaml:8:20',
    )
  })

  it('are all told of their overlaps, however many there are', () => {
    const ranges = [
      '20000-29000',
      '20100-20200',
      '25000-26000',
      '28000-30000',
      '30000-30100',
      '40000-40100',
    ]
    const documents = ranges.map((ports, index) =>
      spec({ name: `f${index}`, vpn: vpn('single', `name: g${index}, ports: ${ports}`) }),
    )
    const { fleets } = check(documents.join('---\n'))
    expect(fleets.map(({ fleet }) => fleet.name)).toEqual(['f5'])
  })

  it('and a thousand more are refused without a crash', () => {
    const documents = Array.from({ length: 1_000 }, (_, index) =>
      spec({ name: `f${index}`, vpn: vpn('single', 'name: gg, ports: 20000-20099') }),
    )
    const { fleets, problems } = check(documents.join('---\n'))
    expect(fleets).toEqual([])
    expect(new Set(problems.map(({ fleet }) => fleet)).size).toBe(1_000)
  }, 60_000)

  it('can not have a node of one named like an engine of the other', () => {
    const second = spec({
      name: 'b',
      vpn: vpn('single', 'name: home.forwarded, ports: 20000-20099'),
    })
    const { fleets, problems } = check(spec(), second)
    expect(fleets.map(({ fleet }) => fleet.name)).toEqual(['home'])
    expect(formatProblems(problems)).toContain('a name that engines of fleet home get')
  })
})

describe('YAML that is none, or too much', () => {
  it.each([
    ['a tab', 'a:\n\tb: 1\n', 'a.yaml:2:1: Tabs are not allowed as indentation'],
    ['an open quote', 'a: "b\n', 'a.yaml:1:5: Missing closing "quote'],
    ['an unknown tag', 'a: !x 1\n', 'a.yaml:1:4: Unresolved tag: !x'],
    ['an alias of nothing', 'a: *b\n', 'a.yaml:1:4: *b has no anchor &b before it'],
    ['an alias of itself', 'a: &a [*a]\n', 'a.yaml:1:8: *a stands inside its own anchor'],
    ['deep nesting', '['.repeat(50_000), 'is nested too deeply to be a spec'],
    ['nothing', '', 'a.yaml:1:1: holds no document'],
    ['comments', '# only\n---\n# these\n', 'a.yaml:1:1: holds no document'],
    ['a list', '- 1\n', 'a.yaml:1:1: is a list: a document begins with apiVersion: acefleet/v1'],
    ['a word', 'hello\n', 'a.yaml:1:1: is "hello": a document begins with'],
    [
      'another kind',
      'apiVersion: v1\nkind: Pod\n',
      'a.yaml:2:7: kind: is "Pod": acefleet reads documents of kind EngineFleet only',
    ],
    [
      'another version',
      'apiVersion: acefleet/v2\nkind: EngineFleet\n',
      'a.yaml:1:13: apiVersion: is "acefleet/v2": this version of acefleet reads acefleet/v1',
    ],
  ])('%s', (_, text, expected) => expect(problemsOf(text).join('\n')).toContain(expected))

  it('tells of a key that is given twice, and does not run the document', () => {
    const text = spec({ rest: 'replicas: 3' })
    expect(problemsOf(text)).toEqual([
      'a.yaml:12:3: spec.replicas: is given twice: the first is in line 5, keep one',
    ])
    expect(check(text).fleets).toEqual([])
  })

  it('does not unfold a nest of aliases', () => {
    const levels = 'abcdefgh'.split('').map((name, index) => {
      const inner = index === 0 ? 'x' : `*${'abcdefgh'[index - 1]}`
      return `${name}: &${name} [${Array(9).fill(inner).join(', ')}]`
    })
    expect(problemsOf(levels.join('\n'))[0]).toContain('Excessive alias count')
    expect(problemsOf(`a: &a 1\nb: [${'*a,'.repeat(5_000)}]\n`)[0]).toContain(
      'is one alias too many',
    )
  })
})
