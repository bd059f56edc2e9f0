import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { installPackages } from './apt.ts'
import { startDaemon } from './daemon.ts'
import { asRoot, findProgram, quote, type Say } from './root.ts'
import { SetupError } from './setup-error.ts'

/** A daemon as set-up sees it. */
export interface DockerSeat {
  /** `unix:///var/run/docker.sock`, for people. */
  readonly url: string
  /** Whether the user named it (DOCKER_HOST, a context) instead of leaving it to the default. */
  readonly isChosen: boolean
  /** Rejects as Node does: ENOENT, ECONNREFUSED, EACCES … */
  ping(): Promise<unknown>
}

type Reach = { readonly kind: 'up' | 'absent' | 'forbidden' | 'ill'; readonly reason: string }

/**
 * Makes Docker answer: used as it is where it runs, else started, else installed from Debian and started. Says what it
 * does before it does it.
 */
export async function ensureDocker(seat: DockerSeat, logFile: string, say: Say): Promise<void> {
  const first = await requireAllowed(seat)
  if (first.kind === 'up') return
  if (seat.isChosen) {
    throw new SetupError(
      `No Docker answers at ${seat.url} (${first.reason}). You chose it by DOCKER_HOST or a docker context: start it, or unset that to use this machine's own.`,
    )
  }
  const isNew = findProgram('dockerd') === undefined
  if (isNew) install(say)
  const isThere = async () => ['up', 'forbidden'].includes((await reach(seat)).kind)
  if (!(await isThere())) await startDaemon(logFile, isThere, say)
  if (isNew && (await reach(seat)).kind === 'forbidden') addToGroup(say)
  await requireDocker(seat)
}

/** Takes a running daemon for granted and starts nothing. */
export async function requireDocker(seat: DockerSeat): Promise<void> {
  const { kind, reason } = await requireAllowed(seat)
  if (kind !== 'up') throw new SetupError(`No Docker answers at ${seat.url}: ${reason}`)
}

/** Whether a daemon is there, which this user may use. */
async function requireAllowed(seat: DockerSeat): Promise<Reach> {
  const answer = await reach(seat)
  if (answer.kind === 'forbidden') joinGroup(seat)
  if (answer.kind === 'ill') {
    throw new SetupError(
      `Docker at ${seat.url} does not answer as it should: ${answer.reason}. Look at its log, and start it again.`,
    )
  }
  return answer
}

async function reach(seat: DockerSeat): Promise<Reach> {
  try {
    await seat.ping()
    return { kind: 'up', reason: '' }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (code === 'ECONNRESET')
      return { kind: 'ill', reason: 'it took the call and hung up, or hangs' }
    if (code === 'EACCES' || code === 'EPERM') return { kind: 'forbidden', reason: message }
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return { kind: 'absent', reason: message }
    return { kind: 'ill', reason: message }
  }
}

/** Without these recommendations dockerd does not start where the kernel has AppArmor, or where no systemd mounts cgroups. */
function install(say: Say): void {
  const isSystemd = existsSync('/run/systemd/system')
  const extras = ['apparmor', 'ca-certificates', ...(isSystemd ? [] : ['cgroupfs-mount'])]
  installPackages('Docker', ['docker.io'], ['docker-cli', ...extras], say)
}

function addToGroup(say: Say): void {
  const { username } = userInfo()
  const purpose = `Letting ${username} use Docker (this amounts to root on this machine)`
  asRoot(['usermod', '-aG', 'docker', username], purpose, say)
  say('For docker commands of your own, log in again first.')
}

/** The user may be in the group `docker` since after this session began: then the command is begun anew within it. */
function joinGroup(seat: DockerSeat): never {
  const { username } = userInfo()
  const members = /^docker:[^:]*:\d+:(.*)$/m.exec(readFileSync('/etc/group', 'utf8'))?.[1] ?? ''
  const isAgain = process.env.ACEFLEET_IN_GROUP !== undefined
  if (!isAgain && members.split(',').includes(username) && findProgram('sg') !== undefined) {
    const line = [process.execPath, ...process.argv.slice(1)].map(quote).join(' ')
    const env = { ...process.env, ACEFLEET_IN_GROUP: '1' }
    const { status } = spawnSync('sg', ['docker', '-c', line], { stdio: 'inherit', env })
    process.exit(status ?? 1)
  }
  throw new SetupError(
    `You (${username}) may not use Docker at ${seat.url}. Either: sudo usermod -aG docker ${username}, then log in again. Or run this as root.`,
  )
}
