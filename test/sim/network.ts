/** Whom a controller talks to, beside the lease servers: which may be cut off one by one. */
export const PEERS = ['docker', 'store'] as const
export type Peer = (typeof PEERS)[number]

/** Which process is cut off from whom, and whose Docker takes requests and never answers. */
export class Network {
  readonly #cuts = new Set<string>()
  readonly #hung = new Set<string>()

  setCut(process: string, peer: Peer, isCut: boolean): void {
    if (isCut) this.#cuts.add(`${process} ${peer}`)
    else this.#cuts.delete(`${process} ${peer}`)
  }

  isCut(process: string, peer: Peer): boolean {
    return this.#cuts.has(`${process} ${peer}`)
  }

  setDockerHung(process: string, isHung: boolean): void {
    if (isHung) this.#hung.add(process)
    else this.#hung.delete(process)
  }

  isDockerHung(process: string): boolean {
    return this.#hung.has(process)
  }

  mend(): void {
    this.#cuts.clear()
    this.#hung.clear()
  }
}
