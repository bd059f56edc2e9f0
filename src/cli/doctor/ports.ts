import { createConnection, createServer } from 'node:net'

/** Long enough for a container on this machine, short enough for a hundred of them, ms. */
const CONNECT_MS = 500
/** Ports asked at once. */
const AT_ONCE = 32

/** Whether something takes connections there. A place that cannot be reached counts as silent. */
export function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: CONNECT_MS })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

/** Why this machine would not give the port; undefined when it would. */
export function whyNotBindable(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** The values for which the question is answered with anything but undefined or false, in order. */
export async function findPorts<Answer>(
  ports: readonly number[],
  ask: (port: number) => Promise<Answer>,
): Promise<readonly { readonly port: number; readonly answer: Answer }[]> {
  const found: { port: number; answer: Answer }[] = []
  for (let at = 0; at < ports.length; at += AT_ONCE) {
    const some = ports.slice(at, at + AT_ONCE)
    const answers = await Promise.all(some.map(async (port) => ({ port, answer: await ask(port) })))
    found.push(...answers.filter(({ answer }) => answer !== undefined && answer !== false))
  }
  return found
}
