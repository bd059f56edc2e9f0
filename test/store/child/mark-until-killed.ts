/* Marks container after container in the store of argv[2], saying each one's number once the store has answered. */

import type { ContainerId } from '../../../src/docker/port.ts'
import { openEmbeddedStore } from '../../../src/store/embedded/open.ts'

const [, , dir = ''] = process.argv
const store = await openEmbeddedStore({
  dir,
  clock: { now: () => 1, monotonic: () => 1 },
  newId: () => 'one',
})
const epoch = await store.openTerm('home', 'child', 0, 1)
for (let n = 0; ; n++) {
  const containerId = n.toString(16).padStart(64, '0') as ContainerId
  await store.mark('home', {
    containerId,
    kind: 'draining',
    reason: 'Scaled',
    at: n,
    deadlineAt: n,
    epoch,
  })
  process.stdout.write(`${JSON.stringify(n)}\n`)
}
