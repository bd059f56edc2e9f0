/** A transport stream as an encoder makes it, written without the product's code. */
export interface BroadcastOptions {
  readonly mapPid: number
  readonly videoPid: number
  readonly audioPid: number
  /** The clock's own PID; 0: it rides on the first stream. */
  readonly clockPid: number
  readonly version: number
  readonly codec: 'h264' | 'h264-open' | 'hevc' | 'mpeg2' | 'audio-only'
  /** Whether random access is marked. */
  readonly isMarked: boolean
  /** Bytes of descriptors in the map, so that it spans packets. */
  readonly descriptorBytes: number
  /** Frames from one entry to the next. */
  readonly gop: number
  /** Of a picture that is no entry; an entry has three times as many. */
  readonly pictureBytes: number
  readonly firstFrame: number
  /** What counters begin with, and the clock, in ticks of 27 MHz. */
  readonly counter: number
  readonly clock: number
}

const DEFAULTS: BroadcastOptions = {
  mapPid: 0x1000,
  videoPid: 0x100,
  audioPid: 0x101,
  clockPid: 0,
  version: 0,
  codec: 'h264',
  isMarked: false,
  descriptorBytes: 0,
  gop: 5,
  pictureBytes: 300,
  firstFrame: 0,
  counter: 0,
  clock: 0,
}

/** 25 frames a second. */
const FRAME_TICKS = 27_000_000 / 25
const TYPES = { h264: 0x1b, 'h264-open': 0x1b, hevc: 0x24, mpeg2: 2 }

/** What stands at the beginning of a picture, as an entry and otherwise. */
const PICTURES: Readonly<Record<keyof typeof TYPES, { entry: number[]; other: number[] }>> = {
  h264: {
    entry: [0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 4, 0, 0, 1, 0x65, 0x88],
    other: [0, 0, 0, 1, 9, 0x30, 0, 0, 0, 1, 0x06, 1, 2, 0, 0, 1, 0x41, 0x9a],
  },
  'h264-open': {
    entry: [0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 4, 0, 0, 1, 0x41, 0x88],
    other: [0, 0, 0, 1, 9, 0x30, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 4, 0, 0, 1, 0x41, 0x9a],
  },
  hevc: {
    entry: [0, 0, 0, 1, 0x46, 1, 0x10, 0, 0, 0, 1, 0x40, 1, 7, 0, 0, 0, 1, 0x26, 1],
    other: [0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 0, 1, 0x4e, 1, 7, 0, 0, 0, 1, 0x02, 1],
  },
  mpeg2: { entry: [0, 0, 1, 0xb3, 0x2d, 0x02], other: [0, 0, 1, 0x00, 0x12, 0x34] },
}

/** One endless broadcast; `take` gives its next frames: tables every second one, video, audio, now and then the service's name. */
export function makeBroadcast(some: Partial<BroadcastOptions> = {}) {
  const options = { ...DEFAULTS, ...some }
  const counters = new Map<number, number>()
  let frame = options.firstFrame
  /** The end of each sound comes after the beginning of the next picture: streams are interleaved. */
  let late: Buffer[] = []

  function packet(pid: number, isStart: boolean, field: number[] | undefined, payload: number[]) {
    const bytes = Buffer.alloc(188, 0xff)
    const room = 184 - payload.length
    const hasField = field !== undefined || room > 0
    const counter = counters.get(pid) ?? options.counter
    if (payload.length > 0) counters.set(pid, (counter + 1) % 16)
    const control = (hasField ? 0x20 : 0) | (payload.length > 0 ? 0x10 : 0)
    const shown = payload.length > 0 ? counter : (counter + 15) % 16
    bytes.set([0x47, (isStart ? 0x40 : 0) | (pid >> 8), pid & 0xff, control | shown])
    if (hasField) {
      bytes[4] = room - 1
      if (room > 1) bytes.set(field ?? [0], 5)
    }
    bytes.set(payload, 188 - payload.length)
    return bytes
  }

  /** Sections are sent in packets of their own, behind a pointer field. */
  function section(pid: number, bytes: number[]) {
    const all = [0, ...bytes]
    return Array.from({ length: Math.ceil(all.length / 184) }, (_, index) => {
      const part = all.slice(index * 184, index * 184 + 184)
      return packet(pid, index === 0, undefined, part.concat(Array(184 - part.length).fill(0xff)))
    })
  }

  function pes(pid: number, streamId: number, data: number[], field?: number[]) {
    const ticks = (frame * FRAME_TICKS) / 300
    const stamp = [0x21, (ticks >> 22) & 0xff, ((ticks >> 14) & 0xff) | 1, (ticks >> 7) & 0xff, 1]
    const all = [0, 0, 1, streamId, 0, 0, 0x80, 0x80, 5, ...stamp, ...data]
    const packets: Buffer[] = []
    for (let at = 0; at < all.length; ) {
      const own = at === 0 ? field : undefined
      const part = all.slice(at, at + 184 - (own === undefined ? 0 : own.length + 1))
      packets.push(packet(pid, at === 0, own, part))
      at += part.length
    }
    return packets
  }

  function video() {
    if (options.codec === 'audio-only') return []
    const isEntry = frame % options.gop === 0
    const { entry, other } = PICTURES[options.codec]
    const flags = (isEntry && options.isMarked ? 0x40 : 0) | (options.clockPid ? 0 : 0x10)
    const field = flags === 0 ? undefined : [flags, ...(options.clockPid ? [] : clock())]
    const body = Array.from(
      { length: options.pictureBytes * (isEntry ? 3 : 1) },
      (_, at) => ((at * 7 + frame) % 251) | 2,
    )
    return pes(options.videoPid, 0xe0, [...(isEntry ? entry : other), ...body], field)
  }

  function clock(): number[] {
    const ticks = Math.floor(options.clock + frame * FRAME_TICKS)
    const base = BigInt(Math.floor(ticks / 300))
    const value = (base << 15n) | (0x3fn << 9n) | BigInt(ticks % 300)
    return [40n, 32n, 24n, 16n, 8n, 0n].map((shift) => Number((value >> shift) & 0xffn))
  }

  function take(frames: number): Buffer {
    const packets: Buffer[] = []
    for (let index = 0; index < frames; index += 1, frame += 1) {
      if (frame % 2 === 0) packets.push(...tables())
      if (options.clockPid) packets.push(packet(options.clockPid, false, [0x10, ...clock()], []))
      const [first, ...others] = video()
      packets.push(...(first === undefined ? late : [first, ...late]), ...others)
      const isClock = options.codec === 'audio-only' && !options.clockPid
      const data = Array.from({ length: 200 }, (_, at) => (at + frame) & 0xff)
      const sound = pes(options.audioPid, 0xc0, data, isClock ? [0x10, ...clock()] : undefined)
      packets.push(...sound.slice(0, 1))
      late = sound.slice(1)
      if (frame % 7 === 0) packets.push(...section(0x11, [0x42, 0xf0, 4, 1, 2, 3, 4]))
    }
    return Buffer.concat(packets)
  }

  function tables() {
    const { codec, videoPid, audioPid, clockPid, descriptorBytes, version } = options
    const mark = 0xc1 | (version << 1)
    const info = Array.from({ length: descriptorBytes }, (_, at) => at & 0x7f)
    const first = codec === 'audio-only' ? audioPid : videoPid
    const streams = [
      ...(codec === 'audio-only' ? [] : [TYPES[codec], ...pid(videoPid), 0xf0, 0]),
      ...[0x0f, ...pid(audioPid), 0xf0, 0],
    ]
    const clocked = pid(clockPid || first)
    const map = [
      ...[0, 1, mark, 0, 0, ...clocked, 0xf0 | (info.length >> 8), info.length & 0xff],
      ...[...info, ...streams],
    ]
    const pat = [0, 1, mark, 0, 0, 0, 1, ...pid(options.mapPid)]
    return [...section(0, finish(0, pat)), ...section(options.mapPid, finish(2, map))]
  }

  return { take }
}

function pid(value: number): number[] {
  return [0xe0 | (value >> 8), value & 0xff]
}

function finish(tableId: number, body: number[]): number[] {
  const length = body.length + 4
  const bytes = [tableId, 0xb0 | (length >> 8), length & 0xff, ...body]
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(slowCrc(bytes))
  return [...bytes, ...crc]
}

/** CRC-32/MPEG-2, bit by bit. */
export function slowCrc(bytes: Iterable<number>): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const isOut = ((crc >>> 31) ^ (byte >> bit)) & 1
      crc = ((crc << 1) ^ (isOut === 1 ? 0x04c1_1db7 : 0)) >>> 0
    }
  }
  return crc
}
