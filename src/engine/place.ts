/** The slot name of a fleet's forwarded engine; with scope `vpn` one per node. */
export function forwardedSlot(node?: string): string {
  return node === undefined ? 'forwarded' : `${node}.forwarded`
}

/** The number of an ordinary slot; undefined for a forwarded one or anything else. */
export function slotNumber(slot: string): number | undefined {
  return /^(0|[1-9]\d{0,5})$/.test(slot) ? Number(slot) : undefined
}

const slotOrder = new Intl.Collator('en', { numeric: true })

/** Orders slots as people read them: 2 before 10, numbers before names. */
export function compareSlots(a: string, b: string): number {
  return slotOrder.compare(a, b)
}

export function isForwardedSlot(slot: string): boolean {
  return slot === 'forwarded' || slot.endsWith('.forwarded')
}

/** Docker's atomic name reservation is the fence, so the name follows from the slot alone. */
export function containerName(fleet: string, slot: string): string {
  return `${fleet}.${slot}`
}

/** The slot that a container name would stand for in a fleet; undefined for other names. */
export function slotOfName(fleet: string, name: string): string | undefined {
  if (!name.startsWith(`${fleet}.`)) return undefined
  const slot = name.slice(fleet.length + 1)
  return slotNumber(slot) !== undefined || isForwardedSlot(slot) ? slot : undefined
}
