/** What of vitest's JSON report counts. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly status: 'passed' | 'failed'
    readonly assertionResults: readonly unknown[]
  }[]
}

/**
 * Passed and failed tests. A file that did not even load counts as one failure; so does a run that failed for a reason
 * outside of any test, or left no report: whoever reads only these numbers is never told that a bad run was good.
 */
export function counts(
  report: VitestReport | undefined,
  exitCode: number,
): { readonly passed: number; readonly failed: number } {
  const unloaded = (report?.testResults ?? []).filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  const failed = (report?.numFailedTests ?? 0) + unloaded.length
  const isBad = report === undefined || exitCode !== 0
  return { passed: report?.numPassedTests ?? 0, failed: failed === 0 && isBad ? 1 : failed }
}
