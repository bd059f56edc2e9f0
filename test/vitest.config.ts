import { defineConfig } from 'vitest/config'

/** Containers take seconds on a busy 2-core machine; a test that hangs still ends. */
const withDocker = {
  testTimeout: 180_000,
  hookTimeout: 180_000,
  // One daemon, one set of names: files run one after the other.
  fileParallelism: false,
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
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/harness/sweep.ts'],
          ...withDocker,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
