/**
 * What nodes offer to take, as they say it: nobody is leased anything who offered nothing, or who took
 * the offer back. From it follows, too, when somebody was last there who could have run a unit.
 */
import type { Cid, EntryContent, EventDraft, PeerId } from '#contracts'
import type { GatewayInput, NodeStanding } from '#mesh-node/core'
import type { BookPorts } from './book.ts'

type Claims = Map<number, readonly Cid[]>

interface Offering {
  /** Models of the claims that were made over this link and stand, the refused ones among them. */
  readonly claims: Claims
  /** As they were when the gateway last said that it took one: it looks around before it takes any. */
  readonly taken: Claims
  mayWork: boolean
}

/** By the gateway's clock, and by a right one. */
interface Moment {
  readonly wallMs: number
  readonly nowMs: number
}

export class ClaimBook {
  readonly #ports: BookPorts
  /** Of nodes that are linked. */
  readonly #nodes = new Map<string, Offering>()
  #able = 0
  #left: Moment

  constructor(ports: BookPorts) {
    this.#ports = ports
    this.#left = { wallMs: Number.NEGATIVE_INFINITY, nowMs: Number.NEGATIVE_INFINITY }
  }

  /** For how long nobody has been there who could take anything. */
  get unableMs(): number {
    if (this.#able > 0) return 0
    const { wallMs, nowMs } = this.#ports
    return Math.max(wallMs() - this.#left.wallMs, nowMs() - this.#left.nowMs)
  }

  took(input: GatewayInput): void {
    switch (input.type) {
      case 'hello':
        this.left(input.node)
        if (input.body.node === input.node) this.#came(input.node, input.standing)
        return
      case 'disconnected':
        this.left(input.node)
        return
      case 'trust':
        this.#change(input.node, (one) => {
          one.mayWork = input.standing.state === 'active'
        })
        return
      case 'claim':
        this.#change(input.node, (one) => {
          if (input.body.slots === 0) withdraw(one, input.body.claim)
          else one.claims.set(input.body.claim, input.body.models)
        })
        return
      case 'withdraw':
        this.#change(input.node, (one) => withdraw(one, input.body.claim))
        return
      default:
        return
    }
  }

  event({ type, data }: EventDraft): void {
    if (type !== 'workunit.claimed') return
    this.#change(String(data['node']), (one) => {
      for (const [id, models] of one.claims) one.taken.set(id, models)
    })
  }

  recorded(content: EntryContent): void {
    if (content.kind !== 'units.reserved') return
    for (const { node, unit, model } of content.body.items) {
      // one that is gone by the time of the record is another rule's affair
      const offered = [...(this.#nodes.get(node)?.claims.values() ?? [[model]])]
      const isOffered = offered.some((models) => model === null || models.includes(model))
      if (!isOffered) this.#ports.broken('offered', `${node}: ${unit}`)
    }
  }

  /** Its link is gone, or the control node takes it for gone. */
  left(node: string): void {
    this.#change(node, (one) => one.taken.clear())
    this.#nodes.delete(node)
  }

  /** The control node began anew: it knows nobody. */
  reopened(): void {
    for (const node of [...this.#nodes.keys()]) this.left(node)
    this.#note()
  }

  #came(node: PeerId, standing: NodeStanding | null): void {
    const mayWork = standing === null || standing.state === 'active'
    this.#nodes.set(node, { claims: new Map(), taken: new Map(), mayWork })
  }

  #change(node: string, change: (offering: Offering) => unknown): void {
    const offering = this.#nodes.get(node)
    if (offering === undefined) return
    const was = isAble(offering)
    change(offering)
    const is = isAble(offering)
    this.#able += Number(is) - Number(was)
    if (was && this.#able === 0) this.#note()
  }

  #note(): void {
    this.#left = { wallMs: this.#ports.wallMs(), nowMs: this.#ports.nowMs() }
  }
}

function withdraw({ claims, taken }: Offering, claim: number): void {
  claims.delete(claim)
  taken.delete(claim)
}

const isAble = ({ taken, mayWork }: Offering): boolean =>
  mayWork && [...taken.values()].some((models) => models.length > 0)
