import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asRoot, findProgram, type Say } from './root.ts'
import { SetupError } from './setup-error.ts'

/** A first start prepares storage and firewall; on a busy machine that has taken 20 s. */
const startTimeoutMs = 90_000

/** Somebody else may be starting a daemon at the same moment: ours gives way, and theirs is waited for. */
const rivalTimeoutMs = 10_000

/** Starts the Docker daemon of this machine and waits until `answers`. It stays on when this process ends. */
export async function startDaemon(
  logFile: string,
  answers: () => Promise<boolean>,
  say: Say,
): Promise<void> {
  const daemon = existsSync('/run/systemd/system') ? startService(say) : startDetached(logFile, say)
  let deadline = Date.now() + startTimeoutMs
  let gaveWay = false
  while (!(await answers())) {
    if (!gaveWay && !daemon.isAlive()) {
      gaveWay = true
      deadline = Math.min(deadline, Date.now() + rivalTimeoutMs)
    }
    if (Date.now() > deadline) {
      const what = gaveWay ? 'ended' : `did not answer within ${startTimeoutMs / 1000} s`
      throw new SetupError(`The Docker daemon ${what}. Its last words:\n${daemon.lastWords()}`)
    }
    await sleep(250)
  }
  say(`Docker answers. ${daemon.farewell}`)
}

interface Daemon {
  isAlive(): boolean
  lastWords(): string
  /** How to look at it and stop it. */
  readonly farewell: string
}

function startService(say: Say): Daemon {
  asRoot(['systemctl', 'start', 'docker'], 'Starting Docker', say)
  return {
    isAlive: () => spawnSync('systemctl', ['is-active', '--quiet', 'docker']).status === 0,
    lastWords: () =>
      spawnSync('journalctl', ['-u', 'docker', '-n', '15', '--no-pager'], { encoding: 'utf8' })
        .stdout,
    farewell: 'Log: journalctl -u docker. Stop: systemctl stop docker.',
  }
}

function startDetached(logFile: string, say: Say): Daemon {
  const dockerd = findProgram('dockerd')
  if (dockerd === undefined)
    throw new SetupError('docker.io is installed, but there is no dockerd.')
  mkdirSync(dirname(logFile), { recursive: true })
  // Where systemd does not mount control groups, Debian's own script does.
  const mount = 'grep -q cgroup /proc/mounts || cgroupfs-mount'
  const script = `PATH=$PATH:/usr/sbin:/sbin; ${mount}; setsid "$0" >"$1" 2>&1 </dev/null & echo $!`
  const command = ['sh', '-c', script, dockerd, logFile]
  const pid = asRoot(command, 'Starting Docker', say, `${dockerd} >${logFile} &`).trim()
  return {
    isAlive: () => isAlive(pid),
    lastWords: () => lastWords(readFileSync(logFile, 'utf8')),
    farewell: `It stays on. Log: ${logFile}. Stop: kill ${pid}.`,
  }
}

/** In a container nobody may collect the dead: there they stay as zombies. */
function isAlive(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** The end of the log without what went well. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line !== '' && !line.includes('level=info'))
  return lines.slice(-8).join('\n')
}
