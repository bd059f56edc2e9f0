import { stripVTControlCharacters } from 'node:util'

/** East Asian wide and fullwidth blocks (Unicode 16, TR 11), coarse: two columns in any terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{17000}-\u{18cff}]|[\u{1f200}-\u{1f2ff}]|[\u{20000}-\u{3fffd}]/u

const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]*$/u
const CONTROL = /[\p{Cc}\u2028\u2029]+/gu

/**
 * Makes a text safe for one line of a terminal: it may hold what a container printed, escape sequences included.
 * Line breaks and control characters become spaces.
 */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROL, ' ').trim()
}

/** How many columns a text takes in a terminal. */
export function textWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of new Intl.Segmenter('en').segment(text)) {
    if (INVISIBLE.test(segment)) continue
    width += WIDE.test(segment) || EMOJI.test(segment) ? 2 : 1
  }
  return width
}
