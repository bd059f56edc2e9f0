import type Docker from 'dockerode'

/** The tags of the stand-in images. */
export interface StandInImages {
  readonly engine: string
  /** The same engine as a newer version, so that a rolling update has somewhere to go. */
  readonly engineNext: string
  readonly gluetun: string
}

export interface BuildOptions {
  /** Default: the daemon that DOCKER_HOST names, else the local socket. */
  readonly docker?: Docker | undefined
  /** Gets one line per step. */
  readonly onProgress?: ((line: string) => void) | undefined
}

export declare function buildStandIns(options?: BuildOptions): Promise<StandInImages>
