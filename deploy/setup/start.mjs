// The first thing that runs after a clone, by whatever Node the machine has and before anything is installed: plain
// JavaScript of Node 18. It installs what package-lock.json names, then runs the given module by the Node 24 that
// came with it:  node deploy/setup/start.mjs MODULE [ARGUMENT…]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')

/** Why `npm ci` is needed, or undefined. npm writes its own record last, so a broken-off install counts as none. */
function whyInstall() {
  const installed = readPackages('node_modules/.package-lock.json')
  if (installed === undefined) return 'node_modules is missing or incomplete'
  for (const [path, wanted] of Object.entries(readPackages('package-lock.json') ?? {})) {
    const isForOtherMachines = wanted.optional === true && installed[path] === undefined
    if (path === '' || isForOtherMachines || installed[path]?.version === wanted.version) continue
    return `package-lock.json names ${path.replace('node_modules/', '')}@${wanted.version}`
  }
  return undefined
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}

function install(why) {
  console.log(`▸ ${why}: npm ci, from the npm registry (about 250 MB, once)`)
  // By the machine's own Node: npm is about to delete the one in node_modules.
  const path = process.env.PATH.split(delimiter).filter((dir) => !dir.endsWith('node_modules/.bin'))
  const env = { ...process.env, PATH: path.join(delimiter) }
  const { status, error } = spawnSync('npm', ['ci'], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) fail(`npm ci failed${error ? `: ${error.message}` : ', see above'}.`)
}

/** The Node to go on with: the lockfile's where there is one for this machine, else the machine's if new enough. */
function runtime() {
  const own = join(bin, 'node')
  if (existsSync(own) && spawnSync(own, ['--version']).status === 0) return own
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return fail(
    `Node ${process.version} is too old and the lockfile brings none for ${process.platform}/${process.arch}: install Node 24.`,
  )
}

function fail(message) {
  console.error(`✗ ${message}`)
  process.exit(1)
}

const why = whyInstall()
if (why !== undefined) install(why)

const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) }
const child = spawn(runtime(), process.argv.slice(2), { cwd: root, env, stdio: 'inherit' })
// Ctrl-C reaches the child by itself, from the terminal; what is sent to this process alone is handed on.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(error.message))
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
