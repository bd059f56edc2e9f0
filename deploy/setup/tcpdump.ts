import { installPackages } from './apt.ts'
import { findProgram, type Say } from './root.ts'

/** Installs Debian's tcpdump where there is none: Node opens no packet socket. */
export function ensureTcpdump(say: Say): void {
  if (findProgram('tcpdump') === undefined) installPackages('tcpdump', ['tcpdump'], [], say)
}
