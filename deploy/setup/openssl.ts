import { installPackages } from './apt.ts'
import { findProgram, type Say } from './root.ts'

/** Installs Debian's openssl where there is none: Node reads certificates, but makes none. */
export function ensureOpenssl(say: Say): void {
  if (findProgram('openssl') === undefined) installPackages('OpenSSL', ['openssl'], [], say)
}
