/**
 * What became of each role's work, as the gateway said it: what was paid, refused, or not needed, and
 * which rules of the protocol the role's nodes broke. A book for reports; nobody in the mesh reads it.
 */
import type { AckMessage, LeaseId, PeerId } from '#contracts'
import type { Role } from './role-names.ts'

/** As it stands in a report. */
export interface RoleFigures {
  readonly role: Role
  /** Machines, whatever names they had. */
  readonly nodes: number
  /** Names under which they came, where that is more than the machines. */
  readonly names: number
  readonly accepted: number
  readonly rejected: number
  readonly redundant: number
  readonly earned_micro: number
  /** Frames and items that were not taken, by their code. */
  readonly refused: Readonly<Record<string, number>>
}

interface Figures {
  nodes: number
  names: number
  accepted: number
  rejected: number
  redundant: number
  earnedMicro: number
  readonly refused: Map<string, number>
}

export class RoleBook {
  readonly #roles = new Map<PeerId, Role>()
  readonly #figures = new Map<Role, Figures>()
  /** A verdict that is said again counts once. */
  readonly #told = new Set<LeaseId>()

  /** A node comes, or one comes back under another name. */
  came(node: PeerId, role: Role, how: 'new' | 'renamed'): void {
    this.#roles.set(node, role)
    const figures = this.#of(role)
    figures.names += 1
    if (how === 'new') figures.nodes += 1
  }

  told(node: PeerId, verdicts: AckMessage['verdicts']): void {
    const role = this.#roles.get(node)
    if (role === undefined) return
    const figures = this.#of(role)
    for (const { lease_id: lease, verdict, earned_micro: earnedMicro } of verdicts) {
      if (this.#told.has(lease)) continue
      this.#told.add(lease)
      figures[verdict] += 1
      figures.earnedMicro += earnedMicro
    }
  }

  refused(node: PeerId, code: string): void {
    const role = this.#roles.get(node)
    if (role === undefined) return
    const { refused } = this.#of(role)
    refused.set(code, (refused.get(code) ?? 0) + 1)
  }

  report(): readonly RoleFigures[] {
    return [...this.#figures].map(([role, { earnedMicro, refused, ...counts }]) => ({
      role,
      ...counts,
      earned_micro: earnedMicro,
      refused: Object.fromEntries(refused)
    }))
  }

  #of(role: Role): Figures {
    const known = this.#figures.get(role)
    if (known !== undefined) return known
    const made: Figures = {
      nodes: 0,
      names: 0,
      accepted: 0,
      rejected: 0,
      redundant: 0,
      earnedMicro: 0,
      refused: new Map()
    }
    this.#figures.set(role, made)
    return made
  }
}
