import { createSocket } from 'node:dgram'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { buildCaptureImage } from '../standins/capture/image.ts'

/** Where stand-in engines send their chatter. */
const PORT = 47_999
/** As long as a machine may take that is busy with other things. */
const PATIENCE_MS = 60_000

/** A datagram of an engine's chatter on an interface of the daemon's machine. */
export interface Seen {
  /** By the kernel's clock, Unix ms. */
  readonly at: number
  readonly interface: string
  readonly source: string
  /** By which the engine says who it is. */
  readonly httpPort: number
}

/**
 * Every packet with the word in it that passes any interface of the machine of the daemon: bridges, the containers'
 * own ends, and what leads out. Taken below every firewall and address translation, so that nothing can be sent past it,
 * whatever network it was sent from.
 */
export interface Capture extends AsyncDisposable {
  /** In the order of the kernel. One datagram is seen once on each interface that it passes. */
  readonly seen: readonly Seen[]
  /** Waits until all that was sent before is in `seen`: a datagram of our own has come through. */
  caughtUp(): Promise<void>
}

/**
 * Runs tcpdump in a container of the machine's own network: that needs no root here, and watches the daemon's machine
 * also where this is another one's network namespace. The labels are those by which its owner removes it.
 */
export async function startCapture(
  docker: Docker,
  word: string,
  labels: Readonly<Record<string, string>>,
): Promise<Capture> {
  const container = await docker.createContainer({
    Image: await buildCaptureImage(docker),
    // The image knows no user but root, to which tcpdump changes all the same.
    Cmd: ['-Z', 'root', '-i', 'any', '-n', '-l', '-tt', '-A', '--immediate-mode', FILTER],
    Labels: { ...labels },
    HostConfig: {
      NetworkMode: 'host',
      CapDrop: ['ALL'],
      CapAdd: ['NET_RAW', 'SETUID', 'SETGID'],
      Init: true,
    },
  })
  const remove = () => container.remove({ force: true })
  const seen: Seen[] = []
  let lastMark = 0
  let words = ''
  try {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true })
    const [packets, remarks] = [new PassThrough(), new PassThrough()]
    docker.modem.demuxStream(stream, packets, remarks)
    remarks.on('data', (chunk: Buffer) => {
      words += chunk.toString('utf8')
    })
    readChatter(packets, (said, packet) => {
      if (said === word) seen.push(packet)
      if (said === `${word}.mark`) lastMark = Math.max(lastMark, packet.httpPort)
    })
    await container.start()
    await until(
      () => words.includes('listening on'),
      () => `tcpdump does not listen: ${words}`,
    )
  } catch (error) {
    await remove()
    throw error
  }
  const { send, close } = marker(word)
  let marks = 0
  return {
    seen,
    async caughtUp() {
      marks += 1
      const mark = marks
      send(mark)
      await until(
        () => lastMark >= mark,
        () => `the capture does not see what is sent: ${words}`,
      )
    },
    async [Symbol.asyncDispose]() {
      close()
      await remove()
    },
  }
}

const FILTER = `udp dst port ${PORT}`

/** Reads tcpdump's text: a line that tells time, interface and addresses, then the packet, in which line feeds may be. */
function readChatter(packets: PassThrough, take: (word: string, packet: Seen) => void): void {
  let rest = ''
  let header: Omit<Seen, 'httpPort'> | undefined
  packets.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, at, name, source] = HEADER.exec(line) ?? []
      if (at !== undefined)
        header = { at: Number(at) * 1000, interface: name ?? '', source: source ?? '' }
      const [, word, httpPort] = /acefleet-chatter (\S+) (\d+)/.exec(line) ?? []
      if (word !== undefined && header !== undefined)
        take(word, { ...header, httpPort: Number(httpPort) })
    }
  })
}

const HEADER = /^(\d+\.\d+) (\S+)\s.*?\bIP (\d+\.\d+\.\d+\.\d+)\.\d+ > /

/** Sends what the capture must see, within the machine. */
function marker(word: string) {
  const socket = createSocket('udp4')
  return {
    send: (mark: number) =>
      socket.send(`acefleet-chatter ${word}.mark ${mark}`, PORT, '127.0.0.1', () => undefined),
    close: () => socket.close(),
  }
}

async function until(isSo: () => boolean, otherwise: () => string): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!isSo()) {
    if (performance.now() > end) throw new Error(otherwise())
    await sleep(20)
  }
}
