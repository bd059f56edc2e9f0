import { expect, test } from 'vitest'
import { counts, type VitestReport } from './count.ts'

const report = (over: Partial<VitestReport> = {}): VitestReport => ({
  numPassedTests: 5,
  numFailedTests: 0,
  testResults: [{ status: 'passed', assertionResults: [{}] }],
  ...over,
})

test('a good run counts its tests', () => {
  expect(counts(report(), 0)).toEqual({ passed: 5, failed: 0 })
})

test('failed tests are counted once each', () => {
  const testResults = [{ status: 'failed' as const, assertionResults: [{}, {}] }]
  expect(counts(report({ numFailedTests: 2, testResults }), 1)).toEqual({ passed: 5, failed: 2 })
})

test('a file that does not load is a failure', () => {
  const testResults = [{ status: 'failed' as const, assertionResults: [] }]
  expect(counts(report({ testResults }), 1)).toEqual({ passed: 5, failed: 1 })
})

test('an error outside of any test is a failure', () => {
  expect(counts(report(), 1)).toEqual({ passed: 5, failed: 1 })
})

test('a run without a report is a failure, whatever its exit code', () => {
  expect(counts(undefined, 0)).toEqual({ passed: 0, failed: 1 })
})
