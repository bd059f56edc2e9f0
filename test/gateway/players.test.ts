import { spawn } from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import { readBytes } from '../harness/engine-in-process.ts'
import { type GatewayRig, hashOf, makeGatewayRig, open, until } from './gateway-rig.ts'

// Players play in real time.
vi.setConfig({ testTimeout: 180_000 })

const A = hashOf('a')
const traits = { backlogMs: 12_000 }

interface Played {
  readonly code: number | null
  /** What it complained of. */
  readonly errors: string
}

interface Player extends AsyncDisposable {
  readonly ended: Promise<Played>
  /** Seconds of picture and sound that it has decoded. */
  readonly seconds: number
}

/**
 * At a new time base ffmpeg counts on from a guess of its own, and its null output may see one number twice. No decoder
 * complains, and what it guesses is not in the stream.
 */
const GUESSED =
  /^\[null @ \w+\] Application provided invalid, non monotonically increasing dts.*\n/m

/** Decodes a URL, all of it, until so many seconds have been. */
function play(url: string, seconds: number): Player {
  const child = spawn(
    'ffmpeg',
    [
      ...['-nostdin', '-v', 'error', '-progress', 'pipe:1', '-i', url],
      ...['-t', String(seconds), '-f', 'null', '-'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let errors = ''
  let decoded = 0
  child.stderr.on('data', (data) => {
    errors += data
  })
  child.stdout.on('data', (data) => {
    const [, us] = /.*out_time_us=(\d+)\s/s.exec(String(data)) ?? []
    if (us !== undefined) decoded = Number(us) / 1e6
  })
  const ended = new Promise<Played>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, errors }))
  })
  return {
    ended,
    get seconds() {
      return decoded
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/**
 * Whoever comes first begins with the session's first byte, as an engine's own reader does: in the middle of a picture.
 * This viewer is the first one; it stays until the connection is closed.
 */
async function playing(rig: GatewayRig): Promise<void> {
  const first = await open(`${rig.url}/ace/getstream?id=${A}`)
  await readBytes(first, 1_000_000)
  first.resume()
}

async function killEngine(rig: GatewayRig): Promise<void> {
  const on = (await rig.sessionsOn(0)) === 1 ? 0 : 1
  await rig.engines[on]?.[Symbol.asyncDispose]()
}

test('ffprobe finds picture and sound in both forms', async () => {
  await using rig = await makeGatewayRig({ engines: 1, traits })
  for (const path of ['getstream', 'manifest.m3u8']) {
    const found = spawn('ffprobe', [
      ...['-v', 'error', '-show_entries', 'stream=codec_name:program_stream=codec_name'],
      ...['-of', 'csv=p=0', `${rig.url}/ace/${path}?id=${A}`],
    ])
    let output = ''
    for await (const data of found.stdout) output += data
    expect(output.split('\n')).toEqual(expect.arrayContaining(['h264', 'aac']))
  }
})

describe.each(['getstream', 'manifest.m3u8'])('ffmpeg, reading /ace/%s', (path) => {
  test('decodes picture and sound without an error', async () => {
    await using rig = await makeGatewayRig({ engines: 1, traits })
    if (path === 'getstream') await playing(rig)
    await using player = play(`${rig.url}/ace/${path}?id=${A}`, 20)
    const { code, errors } = await player.ended
    expect([code, errors]).toEqual([0, ''])
    expect(player.seconds).toBeGreaterThanOrEqual(19)
  })

  test('goes on decoding when the engine dies and another takes over', async () => {
    await using rig = await makeGatewayRig({ engines: 2, traits })
    if (path === 'getstream') await playing(rig)
    await using player = play(`${rig.url}/ace/${path}?id=${A}`, 40)
    await until('it plays', () => player.seconds > 1)
    await killEngine(rig)
    const { code, errors } = await player.ended
    expect([code, errors.replace(GUESSED, '')]).toEqual([0, ''])
    expect(player.seconds).toBeGreaterThanOrEqual(39)
    expect(rig.news.map(({ kind }) => kind)).toContain('moved')
  })
})
