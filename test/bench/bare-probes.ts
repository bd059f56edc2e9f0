/**
 * The least that probing can cost: a bare Node process that asks each URL of its command line every 5 s, at as few
 * instants as acefleet does, by `node:http` over a connection of its own, and reads the answer.
 */
import http from 'node:http'

const INTERVAL_MS = 5_000
const INSTANTS = 5

function ask(url: string): void {
  const request = http.get(url, { agent: false, headers: { connection: 'close' } }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      body += text
    })
    response.on('end', () => JSON.parse(body))
  })
  request.on('error', () => {})
}

const urls = process.argv.slice(2)
for (let instant = 0; instant < INSTANTS; instant++) {
  const due = urls.filter((_, index) => index % INSTANTS === instant)
  setTimeout(
    () => setInterval(() => due.forEach(ask), INTERVAL_MS),
    (instant * INTERVAL_MS) / INSTANTS,
  )
}
