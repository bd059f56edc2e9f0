import type Docker from 'dockerode'
import { ensureCompose } from './compose.ts'
import { ensureDocker } from './docker.ts'
import { ensureFfmpeg } from './ffmpeg.ts'
import { ensureOpenssl } from './openssl.ts'
import { ensureRedis } from './redis.ts'
import { findSeat } from './seat.ts'
import { ensureTcpdump } from './tcpdump.ts'

export interface SetUpOptions {
  /** Also Compose, as plugin or program. */
  readonly compose?: boolean | undefined
  /** Also the program redis-server. */
  readonly redis?: boolean | undefined
  /** Also the program openssl. */
  readonly openssl?: boolean | undefined
  /** Also the program tcpdump. */
  readonly tcpdump?: boolean | undefined
  /** Also the programs ffmpeg and ffprobe. */
  readonly ffmpeg?: boolean | undefined
}

/** Where a daemon that set-up itself started writes its log. */
const daemonLog = '.acefleet/setup/dockerd.log'

/** One step, told before it is taken. */
export function say(line: string): void {
  console.log(`▸ ${line}`)
}

/** Makes all that the two commands need be there, and returns a client of the Docker daemon. */
export async function setUp(options: SetUpOptions = {}): Promise<Docker> {
  const seat = findSeat()
  await ensureDocker(seat, daemonLog, say)
  if (options.compose === true) ensureCompose(say)
  if (options.redis === true) ensureRedis(say)
  if (options.openssl === true) ensureOpenssl(say)
  if (options.tcpdump === true) ensureTcpdump(say)
  if (options.ffmpeg === true) ensureFfmpeg(say)
  return seat.client
}

/** Runs a command's body: what is wrong with the machine is told in one line, what is wrong with us with its stack. */
export async function runCommand(body: () => Promise<number>): Promise<never> {
  try {
    process.exit(await body())
  } catch (error) {
    console.error(isForPeople(error) ? `✗ ${error.message}` : error)
    process.exit(1)
  }
}

/** Errors of our own have a code in words, and a message that says how to mend it. */
function isForPeople(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(ACE|STANDIN)_/.test(String(error.code))
}
