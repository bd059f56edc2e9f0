import { setTimeout as sleep } from 'node:timers/promises'
import type { FleetView } from '../../src/api/view.ts'
import type { Stage } from './stage.ts'

/** What was claimed longer ago by a replica says nothing of now, ms. */
const CLAIM_MS = 3_000
/** What is so now, and is still so then, has come to rest, ms. */
const REST_MS = 700

/** What a fleet that is well may say: each replica reaches its servers by addresses of its own, those of the proxies. */
const SAID_WHEN_WELL: ReadonlySet<string> = new Set(['Ready', 'LeaseMismatch'])

async function fleetTrouble(stage: Stage): Promise<string | undefined> {
  const { replicas } = stage.wanted()
  for (const replica of stage.replicas) {
    const view = await replica.get<FleetView>(`/v1/fleets/${stage.fleet}`)
    const isReady = view.conditions.some((c) => c.type === 'Ready' && c.status === 'True')
    const others = view.conditions.filter((c) => !SAID_WHEN_WELL.has(c.type))
    const counts = [view.replicas, view.ready, view.updated]
    if (isReady && others.length === 0 && counts.every((count) => count === replicas)) continue
    const said = view.conditions.map((c) => `${c.type}=${c.status} ${c.message}`).join('; ')
    return `replica ${replica.letter} says ${counts.join('/')} of ${replicas}: ${said}`
  }
  return undefined
}

/** By the daemon: as many engines as are wanted, all of the wanted version, one of them forwarded. */
async function engineTrouble(stage: Stage): Promise<string | undefined> {
  const rows = await stage.docker.listContainers({
    all: true,
    filters: { label: [`acefleet.instance=${stage.instance}`] },
  })
  const { replicas } = stage.wanted()
  const running = rows.filter(({ State }) => State === 'running')
  const hashes = new Set(rows.map(({ Labels }) => Labels['acefleet.spec-hash']))
  const forwarded = rows.filter(({ Labels }) => Labels['acestream.forwarded'] === 'true')
  const isSo = rows.length === replicas && running.length === replicas && hashes.size === 1
  if (isSo && forwarded.length === 1) return undefined
  const shown = rows.map(({ Names, State }) => `${Names[0]} ${State}`).join(', ')
  return `${running.length} of ${replicas} run, ${hashes.size} versions, ${forwarded.length} forwarded: ${shown}`
}

/** By what the replicas tell one another: exactly one leads, the one whose term is the newest. */
function leaderTrouble(stage: Stage): string | undefined {
  const fresh = [...stage.watch.claims()].filter(([, { at }]) => at > Date.now() - CLAIM_MS)
  const leading = fresh.filter(([, { epoch }]) => epoch !== undefined)
  const term = stage.facts.terms.at(-1)
  const [first] = leading
  const isRight = first?.[0] === term?.holder && first?.[1].epoch === term?.epoch
  if (leading.length === 1 && fresh.length === stage.replicas.length && isRight) return undefined
  const shown = fresh.map(([holder, { epoch }]) => `${holder} ${epoch ?? 'stands by'}`).join(', ')
  return `${leading.length} lead (the newest term is ${term?.holder}'s): ${shown}`
}

async function troubleOf(stage: Stage): Promise<string | undefined> {
  try {
    return leaderTrouble(stage) ?? (await engineTrouble(stage)) ?? (await fleetTrouble(stage))
  } catch (error) {
    return String(error)
  }
}

/** Waits until the fleet is as the spec says and stays so. Resolves with what is still wrong when it is not in time. */
export async function whenConverged(
  stage: Stage,
  withinMs: number,
): Promise<{ readonly at: number; readonly trouble?: string }> {
  const end = Date.now() + withinMs
  for (;;) {
    const at = Date.now()
    const trouble = await troubleOf(stage)
    if (trouble === undefined) {
      const heard = stage.facts.engines.length
      await sleep(REST_MS)
      if (stage.facts.engines.length === heard && (await troubleOf(stage)) === undefined)
        return { at }
    } else if (Date.now() > end) return { at: Date.now(), trouble }
    await sleep(100)
  }
}
