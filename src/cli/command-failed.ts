/** Thrown when a command cannot do what was asked. The message is for people: what, where, how to mend it. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code = 'ACE_CLI_FAILED'
}

/** What a failure is called in a terminal: our own errors explain themselves, of others the stack is shown. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && code.startsWith('ACE_')) return error.message
  return `unexpected: ${error.stack ?? error.message}`
}
