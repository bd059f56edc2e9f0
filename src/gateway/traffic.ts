/** Bytes by where they came from and where they went. What a relay reads or serves goes from or to gateways. */
export type TrafficBytes = Readonly<
  Record<'fromEngines' | 'fromGateways' | 'toViewers' | 'toGateways' | 'skipped', number>
>

/** What went through this gateway since it began. Counting is cheap enough for every write. */
export interface Traffic {
  count(way: keyof TrafficBytes, bytes: number): void
  read(): TrafficBytes
}

export function makeTraffic(): Traffic {
  const sums = { fromEngines: 0, fromGateways: 0, toViewers: 0, toGateways: 0, skipped: 0 }
  return {
    count(way, bytes) {
      sums[way] += bytes
    },
    read: () => ({ ...sums }),
  }
}
