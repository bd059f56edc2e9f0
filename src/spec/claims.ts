import { slotOfName } from '../engine/place.ts'
import type { Draft } from './draft.ts'
import { hostRanges, type NamedRange } from './port-rules.ts'
import type { Finding, Path } from './problem.ts'
import { printPortRange, rangesOverlap } from './quantity.ts'

/** A fleet that wants things of which there is one for all fleets: its name, its VPN nodes, its ports. */
export interface Claimant {
  readonly draft: Draft
  /** Where a path of it stands, for people: `specs/a.yaml:4:9`. */
  place(path: Path): string
}

/** What is wrong with one of two fleets because of the other. */
export interface Clash<T extends Claimant> {
  readonly claimant: T
  readonly other: T
  readonly finding: Finding
}

/**
 * Everything that two fleets both claim, told of on both sides. The same node twice in one fleet counts as well, told
 * of on the later one.
 */
export function findClashes<T extends Claimant>(claimants: readonly T[]): Clash<T>[] {
  return [
    ...sharedKeys(
      claimants,
      nameKeys,
      (name, where) => `is "${name}", as the fleet in ${where}: rename one of them`,
    ),
    ...sharedKeys(
      claimants,
      nodeKeys,
      (name, where) =>
        `is "${name}", which ${where} names too: a VPN node belongs to one fleet, once`,
    ),
    ...overlaps(claimants),
    ...namesOfEngines(claimants),
  ]
}

interface Key {
  readonly key: string
  readonly path: Path
}

function nameKeys({ draft }: Claimant): Key[] {
  const path = ['metadata', 'name']
  return draft.isSound(...path) ? [{ key: draft.document.metadata.name, path }] : []
}

function nodeKeys({ draft }: Claimant): Key[] {
  return draft.document.spec.vpn.nodes
    .map(({ name }, index) => ({ key: name, path: ['spec', 'vpn', 'nodes', index, 'name'] }))
    .filter(({ path }) => draft.isSound(...path))
}

function sharedKeys<T extends Claimant>(
  claimants: readonly T[],
  keysOf: (claimant: T) => readonly Key[],
  message: (key: string, where: string) => string,
): Clash<T>[] {
  const groups = Map.groupBy(
    claimants.flatMap((claimant) =>
      keysOf(claimant).map(({ key, path }) => ({ claimant, key, path })),
    ),
    ({ key }) => key,
  )
  return [...groups.values()].flatMap(([first, ...rest]) => {
    if (first === undefined) return []
    const tell = (one: typeof first, other: typeof first): Clash<T> => ({
      claimant: one.claimant,
      other: other.claimant,
      finding: {
        path: one.path,
        at: 'value',
        message: message(one.key, other.claimant.place(other.path)),
      },
    })
    const [second] = rest.filter(({ claimant }) => claimant !== first.claimant)
    return [
      ...(second === undefined ? [] : [tell(first, second)]),
      ...rest.map((each) => tell(each, first)),
    ]
  })
}

/**
 * Within one fleet {@link checkPorts} tells of overlaps. Every fleet that overlaps another is told so, but not of each
 * other one: among ranges in order, the earlier one that reaches furthest is overlapped whenever any is.
 */
function overlaps<T extends Claimant>(claimants: readonly T[]): Clash<T>[] {
  const ranges = claimants
    .flatMap((claimant) => hostRanges(claimant.draft).map((each) => ({ claimant, ...each })))
    .sort((a, b) => a.range.first - b.range.first)
  const clashes: Clash<T>[] = []
  // The furthest reaching range so far, and the furthest reaching one of any other fleet.
  let furthest: (typeof ranges)[number] | undefined
  let second: typeof furthest
  for (const range of ranges) {
    const other = furthest?.claimant === range.claimant ? second : furthest
    if (other !== undefined && rangesOverlap(range.range, other.range)) {
      clashes.push(overlapOf(range, other), overlapOf(other, range))
    }
    if (furthest === undefined || range.range.last > furthest.range.last) {
      if (furthest?.claimant !== range.claimant) second = furthest
      furthest = range
    } else if (
      furthest.claimant !== range.claimant &&
      (second === undefined || range.range.last > second.range.last)
    ) {
      second = range
    }
  }
  return clashes
}

function overlapOf<T extends Claimant>(
  mine: NamedRange & { readonly claimant: T },
  theirs: NamedRange & { readonly claimant: T },
): Clash<T> {
  const fleet = theirs.claimant.draft.document.metadata.name
  const message =
    `is ${printPortRange(mine.range)}, which overlaps ${printPortRange(theirs.range)} of fleet ` +
    `${fleet} in ${theirs.claimant.place(theirs.path)}: choose ports of its own`
  const finding: Finding = { path: mine.path, at: 'value', message }
  return { claimant: mine.claimant, other: theirs.claimant, finding }
}

/** A Gluetun container whose name an engine of some fleet would need. */
function namesOfEngines<T extends Claimant>(claimants: readonly T[]): Clash<T>[] {
  const fleets = new Map(claimants.flatMap((each) => nameKeys(each).map(({ key }) => [key, each])))
  return claimants.flatMap((claimant) =>
    nodeKeys(claimant).flatMap(({ key, path }): Clash<T>[] => {
      const fleet = key.slice(0, Math.max(0, key.indexOf('.')))
      const other = fleets.get(fleet)
      if (other === undefined || slotOfName(fleet, key) === undefined) return []
      const message = `is "${key}", a name that engines of fleet ${fleet} get: rename the Gluetun container`
      return [{ claimant, other, finding: { path, at: 'value', message } }]
    }),
  )
}
