import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type StartedRedis, startRedis } from '../harness/redis.ts'
import { startTcpProxy, type TcpProxy } from '../harness/tcp-proxy.ts'

async function startBoth(): Promise<{ redis: StartedRedis; proxy: TcpProxy }> {
  const redis = await startRedis()
  onTestFinished(() => redis[Symbol.asyncDispose]())
  const proxy = await startTcpProxy(redis)
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  return { redis, proxy }
}

interface Line {
  readonly socket: Socket
  said(): string
}

async function dial({ port }: TcpProxy): Promise<Line> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  let said = ''
  socket.on('error', () => {})
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await once(socket, 'connect')
  return { socket, said: () => said }
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 })

test('bytes pass both ways, and take as long as told', async () => {
  const { proxy } = await startBoth()
  const { socket, said } = await dial(proxy)
  socket.write('ping\r\n')
  await eventually(() => expect(said()).toBe('+PONG\r\n'))

  proxy.setLatency({ toServer: 150, toClient: 150 })
  const before = performance.now()
  socket.write('echo late\r\n')
  await eventually(() => expect(said()).toContain('late'))
  expect(performance.now() - before).toBeGreaterThanOrEqual(299)
})

test('a lost reply is of a request that was carried out, and the connection is cut or hangs', async () => {
  const { redis, proxy } = await startBoth()
  proxy.loseReplies('cut', 1)
  const cut = await dial(proxy)
  cut.socket.write('incr n\r\n')
  await once(cut.socket, 'close')

  proxy.loseReplies('hang', 1)
  const hanging = await dial(proxy)
  hanging.socket.write('incr n\r\n')
  await eventually(async () => expect(await redis.command('get', 'n')).toBe('2'))
  const sound = await dial(proxy)
  sound.socket.write('get n\r\n')
  await eventually(() => expect(sound.said()).toContain('2'))
  expect([cut.said(), hanging.said()]).toEqual(['', ''])

  await proxy.heal()
  await once(hanging.socket, 'close')
})

test('a black hole holds bytes back, also those of a client that gave up', async () => {
  const { redis, proxy } = await startBoth()
  const { socket, said } = await dial(proxy)
  socket.write('ping\r\n')
  await eventually(() => expect(said()).toBe('+PONG\r\n'))
  proxy.blackHole()
  socket.end('set late 1\r\n')
  const waiting = await dial(proxy)
  waiting.socket.write('ping\r\n')
  expect(await redis.command('get', 'late')).toBeNull()

  await proxy.heal()
  await eventually(async () => expect(await redis.command('get', 'late')).toBe('1'))
  await eventually(() => expect(waiting.said()).toBe('+PONG\r\n'))
})

test('refused connections are taken again after healing', async () => {
  const { proxy } = await startBoth()
  const first = await dial(proxy)
  const closed = once(first.socket, 'close')
  await proxy.refuse()
  await closed
  await expect(dial(proxy)).rejects.toThrow('ECONNREFUSED')
  await proxy.heal()
  const second = await dial(proxy)
  second.socket.write('ping\r\n')
  await eventually(() => expect(second.said()).toBe('+PONG\r\n'))
  expect(proxy.accepted()).toBe(2)
})
