/* Opens the store of argv[2] and says whether that worked. */
import { openEmbeddedStore } from '../../../src/store/embedded/open.ts'

const [, , dir = ''] = process.argv
try {
  const store = await openEmbeddedStore({
    dir,
    clock: { now: () => 1, monotonic: () => 1 },
    newId: () => 'one',
  })
  await store[Symbol.asyncDispose]()
  console.log(JSON.stringify('opened'))
} catch (error) {
  const { name, message } = error as Error
  console.log(JSON.stringify({ name, message }))
}
