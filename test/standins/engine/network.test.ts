import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { makeNetwork } from './network.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** What a Gluetun stand-in tells of itself, as far as it counts here. */
async function tunnel(state: { carries: boolean }) {
  const server = createServer((_, response) => response.end(JSON.stringify(state)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  closing.push(close)
  return { close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/standin/state` }
}

test('an engine behind a tunnel is connected as long as that carries', async () => {
  const state = { carries: true }
  const { url } = await tunnel(state)
  const network = makeNetwork(url)
  expect(await network.isConnected()).toBe(true)
  state.carries = false
  expect(await network.isConnected()).toBe(false)
})

test('an engine whose tunnel is gone is cut off, one that never had any is not', async () => {
  const { url, close } = await tunnel({ carries: true })
  const behind = makeNetwork(url)
  expect(await behind.isConnected()).toBe(true)
  close()
  expect(await behind.isConnected()).toBe(false)
  expect(await makeNetwork(url).isConnected()).toBe(true)
})
