import { byteAt } from './packet.ts'

/** Puts the table sections of one PID together. */
export interface SectionReader {
  /** The payload of the next packet. Whole sections are handed out; they are slices that live until the next call. */
  push(payload: Buffer, isStart: boolean): readonly Buffer[]
  /** A packet was lost: what was begun is dropped. */
  drop(): void
}

const NOTHING = Buffer.alloc(0)

export function makeSectionReader(): SectionReader {
  /** What was begun; undefined until a start is seen. A section is at most 4 KiB, and so is this, and a packet. */
  let begun: Buffer | undefined

  function whole(bytes: Buffer): Buffer[] {
    const sections: Buffer[] = []
    let rest = bytes
    // Table id 0xff is stuffing, up to the end of the packet.
    while (rest.length > 0 && rest[0] !== 0xff) {
      const length = rest.length < 3 ? rest.length + 1 : sectionBytes(rest)
      if (length > rest.length) break
      sections.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    begun = rest.length > 0 && rest[0] !== 0xff ? Buffer.from(rest) : undefined
    return sections
  }

  return {
    push: (payload, isStart) => {
      const pointer = isStart ? Math.min(1 + byteAt(payload, 0), payload.length) : payload.length
      const tail = payload.subarray(isStart ? 1 : 0, pointer)
      const ended = begun === undefined ? [] : whole(Buffer.concat([begun, tail]))
      if (!isStart) return ended
      return [...ended, ...whole(payload.length > 0 ? payload.subarray(pointer) : NOTHING)]
    },
    drop: () => {
      begun = undefined
    },
  }
}

function sectionBytes(section: Buffer): number {
  return 3 + (section.readUInt16BE(1) & 0x0fff)
}
