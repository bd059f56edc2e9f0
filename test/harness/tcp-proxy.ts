import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

export interface Latency {
  /** ms for what goes to the server. */
  readonly toServer: number
  /** ms for what comes back. */
  readonly toClient: number
  /** Each way takes up to so many ms less or more. */
  readonly jitter?: number
}

/** What becomes of a connection whose reply was dropped: it breaks, or nothing ever comes on it again. */
export type AfterLoss = 'cut' | 'hang'

/** A TCP port in front of a server, whose network misbehaves as told. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** How many connections it has taken so far. */
  accepted(): number
  /** How many are open. */
  open(): number
  /** From now on every byte takes so long, in order; combines with every other fault. */
  setLatency(latency: Latency): void
  /**
   * Requests pass, and the server carries them out; replies are dropped, on `connections` connections at most: on each
   * one from its first reply.
   */
  loseReplies(after: AfterLoss, connections?: number): void
  /** Connections stay and new ones are taken, but no byte passes. What was held back arrives when it is over. */
  blackHole(): void
  /** Cuts every connection and takes no new one. */
  refuse(): Promise<void>
  /** Cuts every connection. */
  cut(): void
  /** Ends all faults. Connections that lost a reply break, for a stream with a hole is none. */
  heal(): Promise<void>
}

interface Faults {
  latency: Latency
  isBlackHole: boolean
  loss: { readonly after: AfterLoss; left: number } | undefined
}

interface Route {
  /** Whether it dropped a reply. */
  readonly isSpoiled: () => boolean
  flush(): void
  cut(): void
}

const NO_LATENCY: Latency = { toServer: 0, toClient: 0 }
const HOST = '127.0.0.1'

/** Starts a proxy to a port of this machine; `random` in [0, 1) makes its jitter repeatable. */
export async function startTcpProxy(
  target: { readonly port: number },
  random: () => number = Math.random,
): Promise<TcpProxy> {
  const faults: Faults = { latency: NO_LATENCY, isBlackHole: false, loss: undefined }
  const routes = new Set<Route>()
  let accepted = 0
  const server = createServer((client) => {
    accepted++
    const route = openRoute(client, target.port, faults, random, () => routes.delete(route))
    routes.add(route)
  })
  const cut = () => {
    for (const route of [...routes]) route.cut()
  }
  const listen = async (port: number) => {
    server.listen(port, HOST)
    await once(server, 'listening')
  }
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    cut()
    await closed
  }
  await listen(0)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given')
  const { port } = address
  return {
    port,
    accepted: () => accepted,
    open: () => routes.size,
    setLatency: (latency) => {
      faults.latency = latency
    },
    loseReplies: (after, connections = Number.POSITIVE_INFINITY) => {
      faults.loss = { after, left: connections }
    },
    blackHole: () => {
      faults.isBlackHole = true
    },
    refuse: close,
    cut,
    async heal() {
      faults.latency = NO_LATENCY
      faults.isBlackHole = false
      faults.loss = undefined
      for (const route of [...routes]) route.isSpoiled() ? route.cut() : route.flush()
      if (!server.listening) await listen(port)
    },
    async [Symbol.asyncDispose]() {
      await close()
      cut()
    },
  }
}

function openRoute(
  client: Socket,
  port: number,
  faults: Faults,
  random: () => number,
  onOver: () => void,
): Route {
  const upstream = dial(port, HOST)
  let isSpoiled = false
  const cut = () => {
    for (const pipe of [forth, back]) pipe.drop()
    client.destroy()
    upstream.destroy()
    onOver()
  }
  /** True when the reply is lost. */
  const losesReply = () => {
    const { loss } = faults
    if (isSpoiled) return true
    if (loss === undefined || loss.left <= 0) return false
    loss.left--
    isSpoiled = true
    if (loss.after === 'cut') cut()
    return true
  }
  const delay = (way: 'toServer' | 'toClient') => () => {
    const { jitter = 0, ...mean } = faults.latency
    return Math.max(0, mean[way] + (random() * 2 - 1) * jitter)
  }
  const forth = carry(client, upstream, faults, delay('toServer'))
  const back = carry(upstream, client, faults, delay('toClient'), losesReply)
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true)
    // An error is followed by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      if (client.destroyed && upstream.destroyed) onOver()
    })
  }
  return {
    isSpoiled: () => isSpoiled,
    flush: () => {
      forth.deliver()
      back.deliver()
    },
    cut,
  }
}

/** One way of a connection. */
interface Pipe {
  /** Passes on what is due. */
  deliver(): void
  /** Forgets what was not passed on. */
  drop(): void
}

/**
 * Takes bytes from one side to the other, in order. What was sent before a side closed still arrives, however late, as
 * it does on a network.
 */
function carry(
  from: Socket,
  to: Socket,
  faults: Faults,
  delayMs: () => number,
  isDropped: () => boolean = () => false,
): Pipe {
  const held: { readonly chunk: Buffer | 'end'; readonly dueAt: number }[] = []
  let timer: NodeJS.Timeout | undefined
  const deliver = () => {
    clearTimeout(timer)
    timer = undefined
    if (faults.isBlackHole) return
    for (let next = held[0]; next !== undefined; next = held[0]) {
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) {
        timer = setTimeout(deliver, waitMs)
        return
      }
      held.shift()
      if (next.chunk === 'end') to.destroySoon()
      else if (!isDropped() && to.writable) to.write(next.chunk)
    }
  }
  const take = (chunk: Buffer | 'end') => {
    held.push({ chunk, dueAt: performance.now() + delayMs() })
    if (timer === undefined) deliver()
  }
  from.on('data', take)
  from.on('close', () => take('end'))
  return {
    deliver,
    drop: () => {
      clearTimeout(timer)
      held.length = 0
    },
  }
}
