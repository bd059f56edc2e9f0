import { get } from 'node:http'
import { json } from 'node:stream/consumers'

/** Whether the engine reaches the world. */
export interface Network {
  isConnected(): Promise<boolean>
}

/** Where a Gluetun stand-in in the same network namespace tells the truth about its tunnel. */
const tunnelUrl = 'http://127.0.0.1:9998/standin/state'
const patienceMs = 1000

/** Rejects where no Gluetun stand-in answers. */
function askTunnel(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: patienceMs }, (response) => {
      json(response).then((state) => resolve(Object(state).carries === true), reject)
    })
    request.on('timeout', () => request.destroy(new Error('the tunnel does not answer')))
    request.on('error', reject)
  })
}

/**
 * Behind a Gluetun stand-in packets pass as far as its tunnel carries them; when it was there and is no more, the
 * namespace is dead. Without one there is nothing between the engine and the world.
 */
export function makeNetwork(url = tunnelUrl): Network {
  let wasBehindTunnel = false
  return {
    async isConnected() {
      try {
        const carries = await askTunnel(url)
        wasBehindTunnel = true
        return carries
      } catch {
        return !wasBehindTunnel
      }
    },
  }
}
