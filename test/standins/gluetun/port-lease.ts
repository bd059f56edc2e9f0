import { traitsOf } from './release.ts'
import type { GluetunState } from './state.ts'

/** How Gluetun comes by a port and loses it, the bugs of its releases included. */
export interface PortLease {
  /** Whether the granted ports are held, and so told. */
  isHeld(): boolean
  /** The tunnel came up: the first request, which in no release is repeated. */
  begin(): void
  /** The tunnel went, and what it had with it. */
  end(): void
  /** What the provider does has changed. */
  review(): void
}

export interface PortLeaseParts {
  readonly world: () => GluetunState
  /** Every moment at which `isHeld` may have changed. */
  readonly onChange: () => void
  /** The provider gives the next number. */
  readonly onMove: () => void
}

/**
 * - `asking`: a request is under way.
 * - `away`: lost, and given back after a while.
 * - `stuck`: a request failed and is not repeated: none until the next VPN start.
 */
type Phase = 'none' | 'asking' | 'held' | 'away' | 'stuck'

export function makePortLease({ world, onChange, onMove }: PortLeaseParts): PortLease {
  let phase: Phase = 'none'
  let timer: NodeJS.Timeout | undefined
  let changes: NodeJS.Timeout | undefined
  /** The change that `changes` counts for. */
  let counted: string | undefined

  const enter = (next: Phase) => {
    clearTimeout(timer)
    phase = next
    onChange()
  }
  const later = (next: Phase, ms: number, then: () => void) => {
    enter(next)
    timer = setTimeout(then, ms)
  }
  const request = (isFirst: boolean) => {
    const { portServer, release, retryMs } = world()
    if (portServer === 'answers') enter('held')
    else if (isFirst || traitsOf(release).givesUpReRequest) enter('stuck')
    else later('asking', retryMs, () => request(false))
  }
  const count = () => {
    const { portChange } = world()
    const wanted = phase === 'none' ? undefined : JSON.stringify(portChange)
    if (wanted === counted) return
    counted = wanted
    clearInterval(changes)
    if (wanted === undefined || portChange === null) return
    changes = setInterval(() => {
      // Through a tunnel that is dead nobody hears of it.
      if (phase !== 'held' || world().frozen !== null) return
      if (portChange.kind === 'move') onMove()
      else later('away', portChange.awayMs, () => request(false))
    }, portChange.everyMs)
  }
  return {
    isHeld: () => phase === 'held',
    begin: () => {
      const { portMs } = world()
      if (portMs > 0) later('asking', portMs, () => request(true))
      else request(true)
      count()
    },
    end: () => {
      enter('none')
      count()
    },
    review: () => {
      // The renewal fails; the re-request that follows at once fails as well.
      if (phase === 'held' && world().portServer === 'refuses') request(false)
      count()
    },
  }
}
