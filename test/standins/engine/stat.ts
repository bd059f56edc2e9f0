import type { Session } from './sessions.ts'
import type { Traits } from './traits.ts'

export interface StatInput {
  readonly session: Session
  readonly traits: Traits
  readonly isReady: boolean
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** What JSON answers say of a session. */
export function describeSession(session: Session, { isLive }: Traits): object {
  return {
    infohash: session.infohash,
    playback_session_id: session.id,
    is_live: isLive,
    is_encrypted: 0,
    client_session_id: -1,
  }
}

/** What the stat URL says. Speeds are KB/s, sizes bytes, and all of livepos is strings. */
export function describeStat({ session, traits, isReady, nowMs }: StatInput): object {
  const isFlowing = isReady && traits.peers > 0
  const down = isFlowing ? Math.round(traits.bitrate / 8 / 1024) : 0
  const up = Math.round(down / 10)
  const isCamel = traits.speeds === 'camel'
  return {
    status: isReady ? 'dl' : 'prebuf',
    peers: traits.peers,
    [isCamel ? 'speedDown' : 'speed_down']: down,
    [isCamel ? 'speedUp' : 'speed_up']: up,
    ...describeTransfer(session, traits, nowMs),
    total_progress: 0,
    ...describeSession(session, traits),
    selected_file_index: -1,
    selected_stream_index: 0,
    stream_status: -1,
    manifest_access_mode: -1,
    network_monitor_status: 0,
    network_monitor_started: false,
    debug_level: 0,
    disk_cache_stats: {
      avail: 10_000_000_000,
      disk_cache_limit: 1_000_000_000,
      inactive_inuse: 0,
      active_inuse: session.sentBytes,
    },
    livepos: describeLivepos(session, traits, nowMs),
  }
}

/** The swarm brings a little more than the reader gets. */
function describeTransfer(
  { sentBytes, startedAt }: Session,
  traits: Traits,
  nowMs: number,
): object {
  const peered = traits.peers > 0 ? ((nowMs - startedAt) * traits.bitrate) / 8000 : 0
  const downloaded = Math.floor(Math.max(sentBytes, traits.preloadMs === null ? 0 : peered))
  return { downloaded, uploaded: Math.floor(downloaded / 10) }
}

function describeLivepos(session: Session, traits: Traits, nowMs: number): object {
  const liveMs = traits.livepos === 'frozen' ? session.startedAt : nowMs
  const seconds = (ms: number) => String(Math.floor(ms / 1000))
  const last = seconds(liveMs - traits.lagMs)
  const first = seconds(session.startedAt - traits.lagMs - traits.keepsMs)
  return {
    pos: seconds(liveMs - traits.lagMs - traits.backlogMs),
    last,
    live_first: first,
    live_last: last,
    first_ts: first,
    last_ts: last,
    is_live: String(traits.isLive),
    buffer_pieces: '30',
  }
}
