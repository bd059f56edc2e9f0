import type { Call, Effect } from './fake-docker.ts'
import type { Violate } from './judge-creations.ts'
import { ownerOf } from './namespaces.ts'
import { KNOWN_MS, type Truth } from './truth.ts'
import type { Session } from './viewers.ts'
import type { Told } from './vpn-world.ts'

/** A session that began since may not have been known when a restart was decided, ms: a plan may be 5 s old. */
const CLAIMED_MS = 8_000
/** Bytes that flowed this recently (15 s, less a renewal's delay), ms. */
const FLOWING_MS = 8_000
/** A restart of which nobody told the end stands in the way of others for 120 s; less what it takes to decide, ms. */
const UNDER_WAY_MS = 110_000

/** A node that was restarted is waited for 30 s; less what it takes to decide, ms. */
const SETTLING_MS = 20_000

/** Judges what is done to VPN nodes. */
export interface CuresJudge {
  /** A word to a control server is about to have its effect. */
  onTold(told: Told): void
  onRestartCall(call: Call): void
  onEffect(effect: Effect): void
  /** Whether it is part of a restart of a node's container, which the spec asks for. */
  isRestart(effect: Effect): boolean
  onOblivion(): void
}

export function judgeCures(truth: Truth, violate: Violate): CuresJudge {
  /** Nodes that a controller stopped, when, and when somebody started them. */
  const halfway = new Map<string, { readonly stoppedAt: number; readonly startedAt?: number }>()
  let forgotAt = -Infinity

  const isNode = (name: string) => truth.fleet.vpn.nodes.some((node) => node.name === name)

  /** Sessions that everybody knows of, on engines in one container's network, or on all. */
  function sessions(owner: string | undefined): readonly Session[] {
    return truth
      .ours()
      .filter((engine) => owner === undefined || ownerOf(engine.networkMode) === owner)
      .filter((engine) => engine.isReachable)
      .flatMap(({ id }) => truth.viewers.on(id))
      .filter(({ since }) => truth.now - since > CLAIMED_MS)
  }

  function judge(name: string, by: string): void {
    const owner = truth.world().find((each) => each.name === name)?.id ?? ''
    const other = [...halfway].find(
      ([node, { stoppedAt, startedAt }]) =>
        node !== name &&
        stoppedAt > forgotAt &&
        truth.carriedFor(node) === 0 &&
        (startedAt === undefined
          ? truth.now - stoppedAt < UNDER_WAY_MS
          : truth.now - startedAt < SETTLING_MS),
    )
    // Point 7: never two nodes at once.
    if (other !== undefined) violate('cure', `${by} restarts ${name}, and ${other[0]} is not back`)
    // Never while engines there still deliver bytes.
    const flowing = sessions(owner).filter((s) => truth.now - s.lastBytesAt < FLOWING_MS)
    if (flowing.length > 0) violate('cure', `${by} restarts ${name}, where bytes flow`)
    // Never the last node whose VPN works, unless nobody watches.
    const works = truth.carriedFor(name) > KNOWN_MS
    const others = truth.fleet.vpn.nodes.filter((node) => node.name !== name)
    const isLast = works && !others.some((node) => truth.carriedWithin(KNOWN_MS, node.name))
    if (isLast && sessions(undefined).length > 0)
      violate('cure', `${by} restarts ${name}, the last whose VPN works`)
  }

  return {
    onTold({ name, by, status }) {
      if (status === 'stopped') {
        judge(name, by)
        halfway.set(name, { stoppedAt: truth.now })
        return
      }
      const { stoppedAt = -Infinity } = halfway.get(name) ?? {}
      halfway.set(name, { stoppedAt, startedAt: truth.now })
    },
    onRestartCall({ target, by }) {
      const name = truth.find(target)?.name
      if (name === undefined) return
      if (!isNode(name)) violate('I8', `${by} restarts ${name}, which is no VPN node`)
      judge(name, by)
    },
    onEffect({ verb, container: { name } }) {
      if (verb === 'start' || verb === 'destroy') halfway.delete(name)
    },
    isRestart: ({ verb, container: { name } }) =>
      isNode(name) &&
      ['stop', 'die', 'start'].includes(verb) &&
      truth.specsWithin(KNOWN_MS).some((fleet) => fleet.vpn.restartContainerAfterMs !== 'never'),
    onOblivion() {
      forgotAt = truth.now
    },
  }
}
