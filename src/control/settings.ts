import { printDuration } from '../spec/quantity.ts'
import type { Glance, LeaseSettings } from '../store/store.ts'
import type { Logger } from '../telemetry/log.ts'
import type { PlannedCondition } from '../telemetry/status.ts'

/** Most replicas that a message names for one way of setting. */
const MAX_NAMED = 5

export interface SettingsParts {
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** What should be changed at the data server although it works. */
  readonly warnings: () => readonly string[]
  /** What is to be told has changed. */
  readonly onChange: () => void
}

/** What is wrong with how replicas and their store were set up: conditions of every fleet, for as long as it is so. */
export interface Settings {
  look(glance: Pick<Glance, 'replicas'>): void
  conditions(): readonly PlannedCondition[]
}

interface Setting {
  readonly holder: string
  readonly lease: LeaseSettings
}

const serversOf = ({ servers, count }: LeaseSettings) => `set ${servers} (${count})`
const timesOf = ({ ttlMs, renewMs }: LeaseSettings) =>
  `${printDuration(ttlMs)} and ${printDuration(renewMs)}`

/** `6s and 2s on a:1 and b:2, but 15s and 5s on c:3`; undefined where all have the same. */
function differences(
  settings: readonly Setting[],
  print: (lease: LeaseSettings) => string,
): string | undefined {
  const groups = [...Map.groupBy(settings, ({ lease }) => print(lease))]
  if (groups.length < 2) return undefined
  return groups
    .map(([value, members]) => {
      const rest = members.length - MAX_NAMED
      const named = members.slice(0, MAX_NAMED).map(({ holder }) => holder)
      return `${value} on ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
    })
    .join(', but ')
}

function leaseMismatch({ replicas }: Pick<Glance, 'replicas'>): PlannedCondition | undefined {
  const settings = replicas
    .flatMap(({ holder, lease }) => (lease === null ? [] : [{ holder, lease }]))
    .sort((a, b) => (a.holder < b.holder ? -1 : 1))
  const servers = differences(settings, serversOf)
  const times = differences(settings, timesOf)
  if (servers === undefined && times === undefined) return undefined
  const what = [
    ...(servers === undefined ? [] : [`its servers (--lease-redis) are ${servers}`]),
    ...(times === undefined ? [] : [`its times (--lease-ttl and --lease-renew) are ${times}`]),
  ]
  const message =
    `replicas keep the lease in different ways, so that two of them may lead at once: ${what.join('; ')}: ` +
    'start all of them with the same'
  const reason = servers === undefined ? 'TimesDiffer' : 'ServersDiffer'
  return { type: 'LeaseMismatch', status: 'True', reason, message }
}

function storeMayForget(warnings: readonly string[]): PlannedCondition | undefined {
  if (warnings.length === 0) return undefined
  const message = warnings.join('; ')
  return { type: 'StoreMayForget', status: 'True', reason: 'MemoryPolicy', message }
}

export function makeSettings({ log, warnings, onChange }: SettingsParts): Settings {
  let told: readonly PlannedCondition[] = []
  return {
    look(glance) {
      const found = [leaseMismatch(glance), storeMayForget(warnings())]
      const before = told
      told = found.filter((each) => each !== undefined)
      const messages = new Set(before.map(({ message }) => message))
      const isSame =
        told.length === before.length && told.every(({ message }) => messages.has(message))
      if (isSame) return
      // On every replica: who leads may be the one that is set up well.
      for (const { type, message } of told)
        if (!messages.has(message)) log.warn({ reason: type }, message)
      for (const { type } of before)
        if (!told.some((each) => each.type === type))
          log.info({ reason: type }, `no longer ${type}`)
      onChange()
    },
    conditions: () => told,
  }
}
