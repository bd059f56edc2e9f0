import { defineConfig } from 'vitest/config'

/** These take the machine, or names and ports of it, for themselves. */
const ALONE = ['chaos', 'packaging', 'packaging-ha', 'quickstart-ha', 'standins'].map(
  (name) => `test/integration/${name}.test.ts`,
)

/** Containers take seconds on a busy 2-core machine; a test that hangs still ends. */
const withDocker = {
  testTimeout: 180_000,
  hookTimeout: 180_000,
  // The reaper of testcontainers comes from a registry, and none is needed here; leftovers are swept by label.
  env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
}

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'deploy/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/{sim,conformance,integration}/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/sim/**/*.test.ts'],
          testTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          ...withDocker,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: ALONE,
          globalSetup: ['test/harness/sweep.ts'],
          ...withDocker,
          // They wait more than they work; each makes containers of its own, by names of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          globalSetup: ['test/harness/sweep.ts'],
          ...withDocker,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
