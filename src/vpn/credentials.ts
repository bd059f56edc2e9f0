import type { VpnNode } from '../spec/fleet.ts'
import type { ReadSmallFile } from './small-file.ts'

/** The headers that a control server is asked with, or why they can not be had. No message holds a secret. */
export type Credentials =
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'unusable'; readonly message: string }

/** What may stand in a header, and therefore in a key. */
const PRINTABLE = /^[\x21-\x7e]+$/

class UnusableSecret extends Error {}

async function readSecret(
  path: string,
  what: string,
  printable: boolean,
  readFile: ReadSmallFile,
): Promise<string> {
  let text: string
  try {
    text = (await readFile(path)).text
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UnusableSecret(`The ${what} file ${path} cannot be read: ${why}`)
  }
  const secret = text.trim()
  if (secret === '') throw new UnusableSecret(`The ${what} file ${path} is empty`)
  if (printable && !PRINTABLE.test(secret))
    throw new UnusableSecret(
      `The ${what} file ${path} holds blanks, line breaks or characters beyond ASCII, which no HTTP header may carry`,
    )
  return secret
}

/** Reads the files anew each time, so that a rotated secret counts at once. */
export async function readCredentials(
  control: VpnNode['control'],
  readFile: ReadSmallFile,
): Promise<Credentials> {
  const headers: Record<string, string> = {}
  try {
    if (control.apiKeyFile !== undefined)
      headers['x-api-key'] = await readSecret(control.apiKeyFile, 'API key', true, readFile)
    if (control.usernameFile !== undefined && control.passwordFile !== undefined) {
      const user = await readSecret(control.usernameFile, 'user name', false, readFile)
      const password = await readSecret(control.passwordFile, 'password', false, readFile)
      headers.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    }
    return { kind: 'headers', headers }
  } catch (error) {
    if (error instanceof UnusableSecret) return { kind: 'unusable', message: error.message }
    throw error
  }
}
