import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { run } from '../harness/packaging.ts'
import { buildStandIns } from '../standins/build.ts'

/** Long enough on a machine that runs three other things. */
const patienceMs = 120_000
const docker = new Docker()
const fleet = `t${process.pid}x930`
const name = `test-${fleet}`
const main = resolve('deploy/quickstart/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'acefleet-quickstart-'))
const env = { ...process.env, ACEFLEET_DEMO: name }
let quickstart: ChildProcess
let said = ''

/** The demo of the repository under another name, in a folder of its own. */
function writeDemo(): void {
  const spec = parse(readFileSync('specs/demo.yaml', 'utf8'))
  spec.metadata.name = fleet
  for (const node of spec.spec.vpn.nodes) node.name = `${name}-${node.name}`
  mkdirSync(join(folder, 'specs'))
  writeFileSync(join(folder, 'specs/demo.yaml'), stringify(spec))
}

function start(): ChildProcess {
  said = ''
  const child = spawn(process.execPath, [main, '--ha'], { cwd: folder, env })
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  return child
}

/** Waits until the quickstart has said something of this form, and returns what its groups hold. */
async function hears(what: RegExp): Promise<readonly string[]> {
  const deadline = Date.now() + patienceMs
  while (Date.now() < deadline) {
    const found = what.exec(said)
    if (found !== null) return found.slice(1)
    await sleep(100)
  }
  throw new Error(`it did not say ${what}, but:\n${said}`)
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(quickstart, 'exit')
  quickstart.kill(signal)
  return (await exit)[0]
}

/** Ids of running engines, by the daemon alone. */
async function running(): Promise<readonly string[]> {
  const filters = { label: [`acefleet.instance=${name}`], status: ['running'] }
  return (await docker.listContainers({ filters })).map(({ Id }) => Id).sort()
}

const leads = /replica \d \(process (\d+)\) leads, epoch \d+, lease [\d.]+s left/

beforeAll(async () => {
  await buildStandIns({ docker })
  writeDemo()
  quickstart = start()
})

afterAll(async () => {
  if (quickstart.exitCode === null && quickstart.signalCode === null) await end('SIGKILL')
  await run([process.execPath, main, '--down'], env, folder)
  rmSync(folder, { recursive: true, force: true })
})

let engines: readonly string[]

test('shows a fleet under three replicas, who leads, and what to try', async () => {
  const [leader] = await hears(leads)
  await hears(new RegExp(`kill -9 ${leader} `))
  await hears(/The replicas\n(.*\n){3}Ctrl-C/)
  engines = await running()
  expect(engines).toHaveLength(6)
})

test('goes on when the leader is killed: another one leads, no engine notices, and it tells so (I6, I9)', async () => {
  const [leader] = await hears(leads)
  process.kill(Number(leader), 'SIGKILL')
  await hears(/was ended by SIGKILL\. It led .*It is started again in/)
  const [next, containers] = await hears(
    /replica \d \(process (\d+)\) leads .* after replica \d \(process \d+\) was ended by SIGKILL\. (.*)/,
  )
  expect(next).not.toBe(leader)
  expect(containers).toBe('All 6 engines run on, in the same containers.')
  expect(await running()).toEqual(engines)
  await hears(/LeaseGained [\s\S]*LeaseGained /)
})

test('refuses the plain quickstart meanwhile, which looks after the same fleet', async () => {
  const refused = run([process.execPath, main], env, folder)
  await expect(refused).rejects.toThrow(/with --ha runs at .* looks after the same fleet/)
})

test('starts what was killed again, and Ctrl-C ends all but the engines', async () => {
  await hears(/replica \d runs again, as process \d+/)
  expect(await end('SIGINT')).toBe(0)
  await expect(run(['pgrep', '-f', `--instance ${name}|${folder}`])).rejects.toThrow()
  expect(await running()).toEqual(engines)
})

test('adopts the engines at its next start', async () => {
  quickstart = start()
  await hears(/adopted 6 running engines/)
  await hears(leads)
  expect(await running()).toEqual(engines)
})

test('leaves nothing of all that behind when it is taken down, from wherever', async () => {
  await run([process.execPath, main, '--down'], env, folder)
  const rows = await docker.listContainers({ all: true })
  expect(rows.filter(({ Names }) => Names.some((each) => each.includes(fleet)))).toEqual([])
  await expect(run(['pgrep', '-f', `--instance ${name}|${folder}`])).rejects.toThrow()
  expect(() => readFileSync(join(folder, '.acefleet/quickstart.json'))).toThrow(/ENOENT/)
})
