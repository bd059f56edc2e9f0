import type { ContainerId } from '../docker/port.ts'
import type { Content } from '../streams/content.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from '../time/clock.ts'
import { bridge } from './bridge.ts'
import { type Feed, makeFeed } from './fanout/feed.ts'
import { PlayedHere } from './find-source.ts'
import { type PourEnd, pour } from './pour.ts'
import type { FindSource } from './quest.ts'
import { StreamRefused } from './refusal.ts'
import type { SessionNews } from './session-news.ts'
import type { GatewaySettings } from './settings.ts'
import type { Source } from './source.ts'
import type { Traffic } from './traffic.ts'

export interface SessionParts {
  readonly content: Content
  readonly find: FindSource
  /** Whether the engine of the source is about to go, so that the session should leave it. */
  readonly isLeaving: (source: Source) => boolean
  readonly settings: GatewaySettings
  readonly clock: Clock
  readonly log: Logger
  readonly traffic: Pick<Traffic, 'count'>
  readonly onNews: (news: SessionNews) => void
  /** New bytes are there, or the end. */
  readonly onBytes: () => void
}

/** How often a session that plays looks whether its engine is about to go, ms. */
const LOOK_MS = 1_000
/** Between two attempts to leave an engine that is about to go, ms. */
const RETRY_MS = 5_000
/** Sources that give nothing to begin with: the third will not do better. */
const SOURCES_TRIED = 3
/** Engines that failed are tried again after so many others. */
const AVOIDED = 8

/**
 * One content being played, for as long as somebody wants it: finds a source, reads it into the feed, and goes over to
 * another source when it ends, is lost or its engine is about to go. Viewers notice a gap at most.
 */
export class Session {
  readonly feed: Feed
  readonly started: Promise<void>
  readonly #parts: SessionParts
  readonly #closing = new AbortController()
  readonly #avoid: ContainerId[] = []
  readonly #ended: Promise<void>
  readonly #start = Promise.withResolvers<void>()
  readonly #startedAt: number
  #source: Source | undefined
  /** The reservation that was made last; its engine may not have answered yet. */
  #claimed: string | undefined
  #failure: StreamRefused | undefined
  #isOver = false
  #closedFor = ''
  /** From then on it reads from another gateway alone. */
  #isHandedOver = false
  /** Ends what is being read. */
  #over: AbortController | undefined
  #bytes = 0
  #skippedBytes = 0
  /** When viewers last got some; undefined before. */
  #handedOnAt: number | undefined
  /** A source that failed, on its way back: a hung engine takes its time, and viewers need not wait for that. */
  #givingBack: Promise<void> = Promise.resolve()

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.monotonic()
    this.feed = makeFeed(parts.settings.buffer)
    this.started = this.#start.promise
    // Whoever waits for it hears of a failure; if all have left nobody does.
    this.started.catch(() => {})
    this.#ended = this.#run()
  }

  /** The present source; undefined before the first one and in a gap. */
  get source(): Source | undefined {
    return this.#source
  }

  /** Whether this reservation is, or is about to be, what it plays by. */
  holds(reservationId: string): boolean {
    return !this.#isOver && [this.#claimed, this.#source?.reservationId].includes(reservationId)
  }

  /** Why it ended; undefined while it goes on, and when it was closed. */
  get failure(): StreamRefused | undefined {
    return this.#failure
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Bytes that came from sources. */
  get bytes(): number {
    return this.#bytes
  }

  /** Left out for viewers that were too slow. */
  get skippedBytes(): number {
    return this.#skippedBytes
  }

  /** A viewer was too slow for so many. */
  noteSkipped(bytes: number): void {
    this.#skippedBytes += bytes
    this.#parts.traffic.count('skipped', bytes)
  }

  /**
   * Gives its engine back at once, for another gateway to claim, and reads from that one then: this one is about to stop,
   * and others read from it.
   */
  handOver(): void {
    this.#isHandedOver = true
    this.#over?.abort()
  }

  /** Ends it, and gives its engine back; `why` is for people. */
  async close(why: string): Promise<void> {
    this.#closedFor = why
    this.#closing.abort(new StreamRefused('starting', `the stream was closed: ${why}`, 1))
    await this.#ended
  }

  async #run(): Promise<void> {
    const { clock, onNews, onBytes, log } = this.#parts
    let last: Source | undefined
    let failures = 0
    try {
      let source = await this.#find('')
      last = source
      onNews({ kind: 'started', source, tookMs: this.#sinceStart() })
      for (;;) {
        const before = this.#handedOnAt
        const { end, next } = await this.#play(source)
        if (end.kind === 'stopped' && next === undefined && this.#closing.signal.aborted) break
        const goneAt = clock.monotonic()
        const from = source
        if (next === undefined) onNews({ kind: 'interrupted', source, message: end.message })
        failures = this.#handedOnAt !== before ? 0 : failures + 1
        if (this.#isHopeless(end, failures) || !this.feed.cut()) {
          await next?.[Symbol.asyncDispose]()
          throw new StreamRefused('engine', `${source.name}: ${end.message}`)
        }
        source = next ?? (await this.#bridge(source, end.message))
        last = source
        const cause = end.kind === 'stopped' ? 'leaving' : end.kind
        const why = next === undefined ? 'it was handed over' : 'its engine is about to go'
        const message = cause === 'leaving' ? why : end.message
        onNews({ kind: 'moved', from, source, cause, message, tookMs: clock.monotonic() - goneAt })
      }
    } catch (error) {
      this.#fail(error, log)
    } finally {
      this.#isOver = true
      this.feed.end(clock.monotonic())
      const failure = this.#closing.signal.aborted ? undefined : this.#failure
      const message = failure?.message ?? this.#closedFor
      onNews({ kind: 'ended', source: last, failure, message })
      onBytes()
      await this.#givingBack
    }
  }

  #fail(error: unknown, log: Logger): void {
    this.#failure = this.#refusalOf(error, log)
    this.#start.reject(error instanceof PlayedHere ? error : this.#failure)
  }

  #refusalOf(error: unknown, log: Logger): StreamRefused | undefined {
    const { signal } = this.#closing
    if (signal.aborted) return signal.reason
    if (error instanceof PlayedHere) return undefined
    if (error instanceof StreamRefused) return error
    log.error({ err: error }, 'a stream failed unexpectedly')
    return new StreamRefused('engine', 'an unexpected error, see the log of the gateway')
  }

  #sinceStart(): number {
    return this.#parts.clock.monotonic() - this.#startedAt
  }

  #find(instead: string, signal = this.#closing.signal): Promise<Source> {
    const avoid = [...this.#avoid]
    const onClaim = (id: string) => {
      this.#claimed = id
    }
    return this.#parts.find({ avoid, instead, elsewhere: this.#isHandedOver, onClaim, signal })
  }

  /** Reads a source to its end, or until there is a better one, and gives it back. */
  async #play(source: Source): Promise<{ readonly end: PourEnd; readonly next?: Source }> {
    const { clock, settings, traffic, onBytes } = this.#parts
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#closing.signal])
    this.#source = source
    this.#over = over
    const moving = this.#leaveInTime(source, over)
    const take = (chunk: Buffer) => {
      this.#bytes += chunk.length
      traffic.count(source.endpoint ? 'fromEngines' : 'fromGateways', chunk.length)
      const handedOn = this.feed.push(chunk, clock.monotonic())
      if (handedOn === 0) return this.#isUsable()
      this.#handedOnAt = clock.monotonic()
      this.#start.resolve()
      onBytes()
      return true
    }
    const end = await pour(source, { clock, silenceMs: settings.silenceMs, take, signal })
    this.#source = undefined
    over.abort()
    const next = await moving
    const givenBack = source[Symbol.asyncDispose]()
    if (end.kind === 'stopped') await givenBack
    else {
      this.#shun(source)
      this.#givingBack = Promise.all([this.#givingBack, givenBack]).then(() => {})
    }
    return next === undefined ? { end } : { end, next }
  }

  /** After sources that gave viewers nothing, one after the other: whether yet another one is not worth their wait. */
  #isHopeless({ kind }: PourEnd, failures: number): boolean {
    if (failures === 0) return false
    const { clock, settings } = this.#parts
    if (this.#handedOnAt !== undefined) return clock.monotonic() - this.#handedOnAt > settings.gapMs
    return kind === 'unusable' || failures >= SOURCES_TRIED
  }

  /** Whether viewers may still get something of the present upstream. */
  #isUsable(): boolean {
    const { upstream, content } = this.feed
    return upstream.kind === 'undecided' || upstream.kind === content.kind
  }

  /** Finds another source while this one still plays, when its engine is about to go. Ends `over` when it has one. */
  async #leaveInTime(source: Source, over: AbortController): Promise<Source | undefined> {
    const { clock, isLeaving, log } = this.#parts
    const signal = AbortSignal.any([over.signal, this.#closing.signal])
    try {
      for (;;) {
        await clock.sleep(LOOK_MS, signal)
        // What is no transport stream cannot be gone on with: it plays as long as its engine lets it.
        if (!isLeaving(source) || this.feed.content.kind === 'other') continue
        this.#shun(source)
        const next = await this.#find(source.reservationId ?? '', signal).catch(
          (error: unknown) => {
            signal.throwIfAborted()
            log.debug({ err: error, source: source.name }, 'a stream cannot leave its engine yet')
          },
        )
        if (next !== undefined) {
          over.abort()
          return next
        }
        await clock.sleep(RETRY_MS, signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
      return undefined
    }
  }

  #bridge(lost: Source, message: string): Promise<Source> {
    const { clock, settings, onBytes } = this.#parts
    const find = () =>
      // The place of the one that was lost may not be free yet.
      this.#find(lost.reservationId ?? '').catch((error: unknown) => {
        // What has failed everywhere may work again, and the engine that was lost may be back.
        this.#avoid.length = 0
        throw error
      })
    return bridge({
      ...{ clock, feed: this.feed, onBytes, find, gapMs: settings.gapMs },
      ...{ lost: `${lost.name}: ${message}`, signal: this.#closing.signal },
    })
  }

  #shun({ endpoint }: Source): void {
    if (endpoint === undefined || this.#avoid.includes(endpoint.containerId)) return
    this.#avoid.push(endpoint.containerId)
    if (this.#avoid.length > AVOIDED) this.#avoid.shift()
  }
}
