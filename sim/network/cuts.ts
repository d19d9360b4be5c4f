/**
 * Who is cut off from whom now. Symmetric: members reach each other and nobody else. One way: what
 * members send reaches nobody else. Bridge: as symmetric, but bridges reach both sides. Flapping:
 * symmetric in turns. Knows hosts by number and no time: whoever plans a cut begins and ends it.
 */

export const CUT_KINDS = ['symmetric', 'one_way', 'bridge', 'flapping'] as const
export type CutKind = (typeof CUT_KINDS)[number]

export interface Cut {
  readonly kind: CutKind
  /** By host: 1 for members, 2 for bridges, 0 for all others. */
  readonly side: Uint8Array
}

const MEMBER = 1
const BRIDGE = 2

export class Cuts {
  readonly #open: Cut[] = []

  begin(cut: Cut): void {
    this.#open.push(cut)
  }

  end(cut: Cut): void {
    const at = this.#open.indexOf(cut)
    if (at >= 0) this.#open.splice(at, 1)
  }

  /** Whether what `from` sends does not reach `to` now. */
  isLost(from: number, to: number): boolean {
    for (const { kind, side } of this.#open) {
      const [a, b] = [side[from] ?? 0, side[to] ?? 0]
      if (a === b || a === BRIDGE || b === BRIDGE) continue
      if (kind !== 'one_way' || a === MEMBER) return true
    }
    return false
  }
}

/** Members and bridges as drawn: a host may be either. */
export function sidesOf(
  hosts: number,
  members: readonly number[],
  bridges: readonly number[]
): Uint8Array {
  const side = new Uint8Array(hosts)
  for (const host of members) side[host] = MEMBER
  for (const host of bridges) side[host] = BRIDGE
  return side
}
