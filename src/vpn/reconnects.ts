/** What is remembered of a tunnel's reconnects within one generation. */
export interface ReconnectMemory {
  /** It stood once. */
  readonly stood: boolean
  /** It stood, and does not now. */
  readonly isGone: boolean
  /** The last public IP that was told; empty while none ever was. */
  readonly publicIp: string
  /** Unix ms at which it last came back, or came back with another address between two looks. */
  readonly reconnectedAt: number | undefined
}

const FIRST: ReconnectMemory = {
  stood: false,
  isGone: false,
  publicIp: '',
  reconnectedAt: undefined,
}

/** What is seen of it now: blindness shows neither. */
export interface Standing {
  readonly kind: 'stands' | 'gone' | 'unseen'
  /** Empty when it is not told. */
  readonly publicIp: string
}

/** What is remembered after one more look. */
export function afterLook(
  before: ReconnectMemory = FIRST,
  { kind, publicIp }: Standing,
  now: number,
): ReconnectMemory {
  if (kind === 'unseen') return before
  if (kind === 'gone') return { ...before, isGone: before.stood }
  const isOther = publicIp !== '' && before.publicIp !== '' && publicIp !== before.publicIp
  return {
    stood: true,
    isGone: false,
    publicIp: publicIp || before.publicIp,
    reconnectedAt: before.isGone || isOther ? now : before.reconnectedAt,
  }
}
