import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSettings } from '../standins/gluetun/settings.ts'
import { type StandIn, startStandIn } from '../standins/gluetun/stand-in.ts'
import type { GluetunState, StateChange } from '../standins/gluetun/state.ts'

export interface InProcessOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Set over the rest at the start. */
  readonly state?: StateChange | undefined
  /** `/gluetun/auth/config.toml`. */
  readonly roleFile?: string | undefined
}

/** The Gluetun stand-in's whole program in this process, on ports of the machine's choice. */
export interface InProcessGluetun extends StandIn {
  readonly url: string
  readonly ownUrl: string
  readonly healthUrl: string
  readonly portFile: string
  /** Why it would have ended. */
  readonly endings: readonly string[]
  set(change: StateChange): GluetunState
}

/** Starts one whose tunnel comes up at once. */
export async function gluetunInProcess(options: InProcessOptions = {}): Promise<InProcessGluetun> {
  const folder = mkdtempSync(join(tmpdir(), 'acefleet-gluetun-'))
  const roleFile = join(folder, 'config.toml')
  const portFile = join(folder, 'forwarded_port')
  if (options.roleFile !== undefined) writeFileSync(roleFile, options.roleFile)
  const settings = readSettings({
    STANDIN_PORT: '45000',
    STANDIN_CONNECT_MS: '0',
    STANDIN_STATE: JSON.stringify(options.state ?? {}),
    HTTP_CONTROL_SERVER_AUTH_CONFIG_FILEPATH: roleFile,
    VPN_PORT_FORWARDING_STATUS_FILE: portFile,
    ...options.env,
  })
  const endings: string[] = []
  const free = { controlPort: 0, ownPort: 0, healthPort: 0 }
  try {
    const standIn = await startStandIn(
      { ...settings, ...free },
      { exit: (why) => endings.push(why), log: () => undefined },
    )
    return {
      ...standIn,
      url: `http://127.0.0.1:${standIn.controlPort}`,
      ownUrl: `http://127.0.0.1:${standIn.ownPort}`,
      healthUrl: `http://127.0.0.1:${standIn.healthPort}`,
      portFile,
      endings,
      set: (change) => standIn.tunnel.change(change),
      [Symbol.asyncDispose]: async () => {
        await standIn[Symbol.asyncDispose]()
        rmSync(folder, { recursive: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
}
