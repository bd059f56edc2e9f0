import { type Channel, makeChannel } from './channel.ts'
import { type Clip, readClip } from './clip.ts'
import { type Loop, makeLoop } from './loop.ts'
import type { Traits } from './traits.ts'

/** The channels of an engine, made when they are first played: an engine that idles holds no picture. */
export type Channels = (infohash: string, traits: Traits) => Channel

export function makeChannels(): Channels {
  const loops = new Map<string, Loop>()
  let clip: Clip | undefined
  return (infohash, { bitrate, keyframeMs }) => {
    const name = `${bitrate}/${keyframeMs}`
    let loop = loops.get(name)
    if (loop === undefined) {
      clip ??= readClip()
      loop = makeLoop(clip, bitrate, keyframeMs)
      loops.set(name, loop)
    }
    return makeChannel(infohash, loop)
  }
}
