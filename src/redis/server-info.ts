/** What a server says of itself when a connection begins, and now and then later. */
export interface ServerInfo {
  readonly runId: string
  /** Since the process started, in whole seconds as ms: it may be up to a second more. */
  readonly uptimeMs: number
  /** Why it must not be written to, or undefined when it may. */
  readonly refusal: string | undefined
  /** What an operator should change although it works. */
  readonly warning: string | undefined
}

/** The lines of an answer to INFO, by name. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return fields
}

/** Reads the answer to INFO. */
export function readServerInfo(text: string): ServerInfo {
  const fields = infoFields(text)
  const runId = fields.get('run_id') ?? ''
  const uptimeMs = Number(fields.get('uptime_in_seconds') ?? Number.NaN) * 1_000
  return {
    runId,
    uptimeMs: Number.isFinite(uptimeMs) ? uptimeMs : 0,
    refusal: refusalOf(fields, runId),
    warning: warningOf(fields.get('maxmemory_policy')),
  }
}

function refusalOf(fields: ReadonlyMap<string, string>, runId: string): string | undefined {
  if (runId === '') {
    return 'it does not tell its run_id in INFO, so that nobody could know when it has forgotten'
  }
  if (fields.get('role') !== 'master') {
    const master = fields.get('master_host')
    const where =
      master === undefined ? '' : ` of ${master}:${fields.get('master_port') ?? 'unknown'}`
    return `it is a replica${where}, which takes no writes: give the master, or redis+sentinel://`
  }
  if ((fields.get('loading') ?? '0') !== '0') return 'it is still loading its data'
  return undefined
}

function warningOf(policy: string | undefined): string | undefined {
  if (policy === undefined || policy === 'noeviction') return undefined
  return `its maxmemory-policy is ${policy}: when memory is short it may drop marks and reservations; set it to noeviction`
}
