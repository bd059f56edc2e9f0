import { expect, it } from 'vitest'
import { relayUrl } from './relay-url.ts'

it.each([
  ['127.0.0.1', 'http://127.0.0.1:8000'],
  ['localhost', 'http://127.0.0.1:8000'],
  ['::1', 'http://[::1]:8000'],
  ['0.0.0.0', 'http://nas:8000'],
  ['::', 'http://nas:8000'],
  ['192.0.2.7', 'http://192.0.2.7:8000'],
  ['2001:db8::7', 'http://[2001:db8::7]:8000'],
  ['gateway.lan', 'http://gateway.lan:8000'],
])('other gateways reach one that listens on %s at %s', (host, url) => {
  expect(relayUrl(host, 8_000, 'nas')).toBe(url)
})
