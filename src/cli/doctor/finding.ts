import { failureText } from '../command-failed.ts'

/** What one check found. */
export interface Finding {
  /** What was looked at, for people: `Docker`, `image of home`. */
  readonly check: string
  /** `skipped`: it could not be looked at, because something else failed. */
  readonly verdict: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly message: string
  /** How to mend it. */
  readonly mend?: string | undefined
}

export function ok(check: string, message: string): Finding {
  return { check, verdict: 'ok', message }
}

export function warn(check: string, message: string, mend?: string): Finding {
  return { check, verdict: 'warn', message, mend }
}

export function fail(check: string, message: string, mend?: string): Finding {
  return { check, verdict: 'fail', message, mend }
}

export function skipped(check: string, message: string): Finding {
  return { check, verdict: 'skipped', message }
}

/** Runs a check so that its failure is a finding too, and stops no other check. */
export async function attempt(
  check: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look()
  } catch (error) {
    return [fail(check, failureText(error))]
  }
}

const WORDS: Readonly<Record<Finding['verdict'], string>> = {
  ok: 'ok',
  warn: 'WARN',
  fail: 'FAIL',
  skipped: 'skip',
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}

function summary(findings: readonly Finding[]): string {
  const failures = findings.filter((each) => each.verdict === 'fail').length
  const warnings = findings.filter((each) => each.verdict === 'warn').length
  if (failures + warnings === 0) return 'All is well.\n'
  return `${counted(failures, 'failure')}, ${counted(warnings, 'warning')}.\n`
}

/** The findings for people, with what mends them below. */
export function printFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map((each) => each.check.length))
  const lines = findings.map(({ check, verdict, message, mend }) => {
    const margin = ' '.repeat(4 + 2 + width + 2)
    const text = message.trim().replaceAll('\n', `\n${margin}`)
    const advice =
      mend === undefined ? '' : `\n${margin}mend: ${mend.replaceAll('\n', `\n${margin}`)}`
    return `${WORDS[verdict].padEnd(4)}  ${check.padEnd(width)}  ${text}${advice}\n`
  })
  return `${lines.join('')}\n${summary(findings)}`
}
