import { readFileSync } from 'node:fs'

/**
 * What every content shows and sounds: 240 pictures of a test pattern at 25 a second, of which only the first stands
 * alone, and a tone of 450 AAC frames at 48 kHz. Made once, with ffmpeg 5.1:
 *
 *     ffmpeg -f lavfi -i testsrc=size=192x108:rate=25 -frames:v 240 -pix_fmt yuv420p -c:v libx264 -profile:v main -bf 0 \
 *       -g 1000 -keyint_min 1000 -sc_threshold 0 -crf 26 -preset veryslow -x264-params aud=1:scenecut=0:threads=1 clip.h264
 *     ffmpeg -f lavfi -i sine=frequency=440:sample_rate=48000 -frames:a 450 -ac 1 -c:a aac -b:a 24k clip.aac
 *
 * No picture refers to a later one, so the clip may end after any of them and begin anew.
 */
export interface Clip {
  /** Access units, Annex B, each with its delimiter. */
  readonly pictures: readonly Buffer[]
  /** ADTS frames. */
  readonly sounds: readonly Buffer[]
}

export const pictureMs = 40
export const soundMs = 64 / 3

/** After this time a whole number of pictures and of sounds have passed. */
export const beatMs = 320

/** The clip's length. */
export const clipMs = 9600

/** Reads the clip; it lies beside this file, in the tree as in the image. */
export function readClip(): Clip {
  const read = (name: string) => readFileSync(new URL(name, import.meta.url))
  return { pictures: splitPictures(read('clip.h264')), sounds: splitSounds(read('clip.aac')) }
}

const delimiter = Buffer.from([0, 0, 0, 1, 9])

function splitPictures(bytes: Buffer): readonly Buffer[] {
  const pictures: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const next = bytes.indexOf(delimiter, start + delimiter.length)
    const end = next === -1 ? bytes.length : next
    pictures.push(bytes.subarray(start, end))
    start = end
  }
  return pictures
}

/** A frame's header says its length in 13 bits that begin in its fourth byte. */
function splitSounds(bytes: Buffer): readonly Buffer[] {
  const sounds: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const length = (bytes.readUInt32BE(start + 3) >> 13) & 0x1fff
    sounds.push(bytes.subarray(start, start + length))
    start += length
  }
  return sounds
}
