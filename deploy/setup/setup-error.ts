/** Thrown when set-up cannot go on. The message says what is missing and how to mend it. */
export class SetupError extends Error {
  override readonly name = 'SetupError'
  readonly code = 'ACE_SETUP'
}
