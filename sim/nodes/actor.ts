/**
 * A node that is not honest, beside its machine: what its driver answers in place of a run, and what it
 * sends that no machine asked for. It knows what its own node was told, and no more; a copier hears what
 * others say, which nobody does in the product.
 */
import {
  type Attestation,
  type Backend,
  type Cid,
  commitmentOf,
  type LeaseId,
  leaseIdOf,
  type NodeFrame,
  type PackedUnit,
  type PeerId,
  type UnitId,
  type Usage,
  unitBlobs
} from '#contracts'
import type { AgentOffer, Verdicts } from '#mesh-node/core'
import { digestOfText } from '../kernel/rolling-trace.ts'
import { MODEL, rightAnswer, wrongAnswer } from './answers.ts'
import type { Role } from './role-names.ts'
import { answerOf, effortPerMille } from './roles.ts'
import type { Rumours } from './rumours.ts'

/** Attestations that a replayer keeps to send again. */
const REPLAYS = 8
/** How long after its lease the late answer. */
const LATE_MS = 5_000
/** What an inflator says that it used, for each that it did. */
const INFLATION = 1_000
/** One result in so many of an inflator's also has more tokens than any unit may cost. */
const TOO_MANY_TOKENS_ONE_IN = 4
const TOKENS = 1_000_000
/** A flooder says something every tenth of a second, and hello anew every minute. */
const FLOOD_US = 100_000
const FLOOD_HELLO_EVERY = 600
/** Leases that nobody ever granted are counted from here. */
const NO_ATTEMPT = 100_000

export interface Answer {
  readonly outputCid: Cid
  readonly serviceMs: number
  readonly usage: Usage
}

export interface ActorPorts {
  readonly role: Role
  /** Of a thousand units it lies on so many, if it is of those that lie on some. */
  readonly cheatPerMille: number
  /** What an honest run of it takes on this node. */
  readonly serviceMs: (unit: PackedUnit) => number
  readonly backend: Backend
  readonly rumours: Rumours | null
  readonly id: () => PeerId
  readonly nowMs: () => number
  /** Only while the process lives that asks for it. */
  readonly later: (us: number, act: () => void) => void
  /** Past the machine, straight onto the link. */
  readonly send: (frame: Exclude<NodeFrame, { kind: 'result' }>) => void
  readonly deliver: (attestations: readonly Attestation[]) => void
  /** Says hello again, as if it held these leases. */
  readonly hello: (holding: readonly LeaseId[]) => void
  /** The run of the lease is over with this answer. */
  readonly answer: (lease: LeaseId, answer: Answer) => void
  /** Throws the node's name away and comes back under another. */
  readonly beReborn: () => void
}

export class Actor {
  readonly #ports: ActorPorts
  readonly #offers = new Map<LeaseId, AgentOffer>()
  readonly #sent: Attestation[] = []
  /** The first that it was ever asked for: something to talk about. */
  #topic: UnitId | null = null
  #answered = 0
  #isCaught = false

  constructor(ports: ActorPorts) {
    this.#ports = ports
    if (ports.role === 'thief') ports.rumours?.tap((...run) => this.#steal(...run))
  }

  granted(offers: readonly AgentOffer[]): void {
    for (const offer of offers) this.#offers.set(offer.lease, offer)
    this.#topic ??= offers[0]?.unit.id ?? null
  }

  /** Null: as far as anybody hears, this run never ends. */
  begin(lease: LeaseId, unit: PackedUnit): Answer | null {
    const { role, id } = this.#ports
    const offer = this.#offers.get(lease)
    const isChecked = offer?.commit === true
    const { cheatPerMille } = this.#ports
    const asked = { unit, node: id(), answered: this.#answered, cheatPerMille, isChecked }
    const outputCid = answerOf(role, asked)
    this.#answered += 1
    if (role === 'thief' && offer !== undefined) this.#forge(offer)
    if (outputCid !== null) return this.#answerOf(outputCid, unit)
    if (offer === undefined) return null
    if (role === 'late') this.#answerLate(offer)
    if (role === 'copier') this.#copy(offer)
    return null
  }

  /** The machine had these sent. */
  attested(attestations: readonly Attestation[]): void {
    const { role, deliver } = this.#ports
    if (role === 'equivocator') deliver(attestations.map(otherWord))
    if (role !== 'replayer') return
    if (this.#sent.length > 0) deliver([...this.#sent])
    this.#sent.push(...attestations)
    this.#sent.splice(0, Math.max(0, this.#sent.length - REPLAYS))
  }

  told(verdicts: Verdicts): void {
    for (const { lease_id: lease } of verdicts) this.#offers.delete(lease)
    if (this.#ports.role !== 'whitewasher' || this.#isCaught) return
    this.#isCaught = verdicts.some(({ verdict }) => verdict === 'rejected')
    if (this.#isCaught) this.#ports.beReborn()
  }

  /** Its process begins. */
  started(): void {
    this.#offers.clear()
    this.#isCaught = false
    if (this.#ports.role === 'flooder') this.#flood(0)
  }

  #answerOf(outputCid: Cid, unit: PackedUnit): Answer {
    const { role } = this.#ports
    const serviceMs = this.#ports.serviceMs(unit)
    const tookMs = Math.ceil((serviceMs * effortPerMille(role)) / 1_000)
    // whoever works less says that it worked as long as all others
    return { outputCid, serviceMs: tookMs, usage: this.#usageOf(unit, serviceMs) }
  }

  #usageOf({ id }: PackedUnit, serviceMs: number): Usage {
    const honest = usageOf(serviceMs)
    if (this.#ports.role !== 'inflator') return honest
    const ms = serviceMs * INFLATION
    const isTooMany = (digestOfText(id) >>> 0) % TOO_MANY_TOKENS_ONE_IN === 0
    return { ...honest, cpu_ms: ms, wall_ms: ms, tokens_out: isTooMany ? TOKENS : 0 }
  }

  /** The right answer, when nobody waits for it any more. */
  #answerLate(offer: AgentOffer): void {
    const { later, deliver } = this.#ports
    later((offer.ttlMs + LATE_MS) * 1_000, () => deliver([this.#rightWord(offer)]))
  }

  /** Says at once that it did what another has just begun, in its own name. */
  #steal(lease: LeaseId, unit: PackedUnit, by: PeerId): void {
    if (by === this.#ports.id()) return
    this.#ports.deliver([this.#rightWord({ lease, unit, attempt: 1, commit: false })])
  }

  /** Says of its own lease, before the run has begun, that it was an attempt that never was. */
  #forge(offer: AgentOffer): void {
    this.#ports.deliver([{ ...this.#rightWord(offer), attempt: offer.attempt + 1 }])
  }

  #rightWord({
    lease,
    unit,
    attempt,
    commit
  }: Pick<AgentOffer, 'lease' | 'unit' | 'attempt' | 'commit'>): Attestation {
    const { id, nowMs, serviceMs, backend } = this.#ports
    const outputCid = rightAnswer(unit.id)
    const attestation: Attestation = {
      v: 1,
      work_unit_id: unit.id,
      attempt,
      lease_id: lease,
      node: id(),
      model_cid: unit.unit.model.cid,
      input_cids: unitBlobs(unit.unit),
      output_cid: outputCid,
      backend,
      usage: usageOf(serviceMs(unit)),
      started_ms: nowMs(),
      finished_ms: nowMs()
    }
    return commit ? { ...attestation, commit: commitmentOf(outputCid, id()) } : attestation
  }

  /** Says what the other said, as soon as it is heard: the commitment first, then the result. */
  #copy({ lease, unit }: AgentOffer): void {
    const { rumours, id, later, send, answer } = this.#ports
    let [hasCommitted, hasShown] = [false, false]
    rumours?.listen(unit.id, {
      node: id(),
      committed: (commitment) => {
        if (hasCommitted) return
        hasCommitted = true
        const commitments = [{ lease_id: lease, commitment }]
        later(0, () => send({ kind: 'commit', body: { v: 1, commitments } }))
      },
      shown: (outputCid) => {
        if (hasShown) return
        hasShown = true
        later(0, () => answer(lease, { ...this.#answerOf(outputCid, unit), serviceMs: 0 }))
      }
    })
  }

  #flood(turn: number): void {
    const { later, id } = this.#ports
    later(FLOOD_US, () => {
      const topic = this.#topic
      const lease = topic === null ? null : leaseIdOf(topic, NO_ATTEMPT + turn, id())
      this.#shout(turn, lease)
      this.#flood(turn + 1)
    })
  }

  /** Something that costs it nothing and that the gateway has to look at. */
  #shout(turn: number, lease: LeaseId | null): void {
    const { send, hello } = this.#ports
    if (turn % FLOOD_HELLO_EVERY === 0) hello([...this.#offers.keys()])
    else if (turn % 2 === 0 || lease === null) send(claimOf(turn))
    else send(frameAbout(lease, turn))
  }
}

const usageOf = (ms: number): Usage => ({
  cpu_ms: ms,
  gpu_ms: 0,
  wall_ms: ms,
  tokens_in: 0,
  tokens_out: 0
})

/** Another result for the same lease, as well signed as the first. */
const otherWord = (attestation: Attestation): Attestation => ({
  ...attestation,
  output_cid: wrongAnswer(attestation.work_unit_id)
})

const claimOf = (turn: number): Exclude<NodeFrame, { kind: 'result' }> => ({
  kind: 'claim',
  body: {
    v: 1,
    claim: turn,
    batch: null,
    kinds: ['small_model'],
    models: [MODEL],
    slots: 1_024,
    standing: true
  }
})

function frameAbout(lease: LeaseId, turn: number): Exclude<NodeFrame, { kind: 'result' }> {
  const failure = { lease_id: lease, class: 'execution', code: 'flood', detail: '' } as const
  const commitment = new Uint8Array(32)
  switch (turn % 3) {
    case 0:
      return { kind: 'failure', body: { v: 1, failures: [failure] } }
    case 1:
      return { kind: 'commit', body: { v: 1, commitments: [{ lease_id: lease, commitment }] } }
    default:
      return { kind: 'release', body: { v: 1, leases: [lease], reason: 'flood' } }
  }
}
