import { installPackages } from './apt.ts'
import { findProgram, type Say } from './root.ts'

/** Installs Debian's ffmpeg where there is none: a player that nobody here wrote. */
export function ensureFfmpeg(say: Say): void {
  if (findProgram('ffmpeg') === undefined) installPackages('ffmpeg', ['ffmpeg'], [], say)
}
