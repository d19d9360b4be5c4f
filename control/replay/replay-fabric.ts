/**
 * A fabric that runs nothing: it answers for units from the history of their session, and notes where
 * history and graph do not fit together. Outputs come from the blob store and are judged again.
 */
import {
  type Blobs,
  decodeAttestation,
  type Fabric,
  type FabricSignal,
  type Judge,
  type PackedUnit,
  type SessionHistory,
  type SessionId,
  type UnitHistory,
  type UnitId,
  type UnitOutcome,
  type UnitSubmission
} from '#contracts'

export interface ReplayFabricPorts {
  readonly history: SessionHistory
  readonly blobs: Blobs
  readonly judge: Judge
  readonly emit: (signal: FabricSignal) => void
  /** A unit that the session did not live to see the end of. */
  readonly onUnended: () => void
}

type Answer = Pick<
  UnitOutcome,
  'status' | 'stopReason' | 'failureClass' | 'error' | 'outputCid' | 'verification'
>

const CANCELLED: Answer = {
  status: 'cancelled',
  stopReason: 'cancelled',
  failureClass: null,
  error: null,
  outputCid: null,
  verification: 'unverified'
}

export class ReplayFabric implements Fabric {
  readonly #ports: ReplayFabricPorts
  readonly #asked = new Set<UnitId>()
  readonly #notes: string[] = []

  constructor(ports: ReplayFabricPorts) {
    this.#ports = ports
  }

  /** Where history and replay differ, in the order found; units that nobody asked for come last. */
  notes(): readonly string[] {
    const { units } = this.#ports.history
    const unasked = [...units.keys()].filter((unit) => !this.#asked.has(unit))
    return [
      ...this.#notes,
      ...unasked.map((unit) => `unit ${unit} is in the log and not in the graph`)
    ]
  }

  async open(): Promise<void> {}

  submit(session: SessionId, units: readonly UnitSubmission[]): void {
    void this.#answerAll(session, units)
  }

  cancel(): void {}

  async close(): Promise<void> {}

  async #answerAll(session: SessionId, units: readonly UnitSubmission[]): Promise<void> {
    for (const submission of units) {
      const { id } = submission.unit
      const recorded = this.#ports.history.units.get(id)
      const taken = recorded?.escalatedTo ?? []
      const escalations = taken.map(({ trigger }) => trigger)
      const finalUnitId = taken.at(-1)?.to ?? id
      for (const unit of [id, ...taken.map(({ to }) => to)]) this.#asked.add(unit)
      const answer = await this.#answer(submission, finalUnitId)
      this.#ports.emit({
        type: 'outcome',
        outcome: {
          session,
          unitId: id,
          finalUnitId,
          escalations,
          ...answer,
          usage: null,
          costMicro: 0,
          executions: []
        }
      })
    }
  }

  async #answer({ unit, edges }: UnitSubmission, finalUnitId: UnitId): Promise<Answer> {
    const { units } = this.#ports.history
    const first = units.get(unit.id)
    const final = units.get(finalUnitId)
    const packed =
      finalUnitId === unit.id ? unit : edges.find((edge) => edge.unit.id === finalUnitId)?.unit
    if (first === undefined && final === undefined) this.#note(`unit ${unit.id} is not in the log`)
    if (packed === undefined) {
      this.#note(
        `unit ${unit.id} was escalated to ${finalUnitId}, which the graph does not declare`
      )
      return CANCELLED
    }
    const accepted = final?.accepted.find(({ canonical }) => canonical)
    if (accepted !== undefined) return this.#success(packed, accepted)
    const ended = final?.ended ?? first?.ended ?? null
    if (ended === null || ended.status === 'cancelled') {
      this.#ports.onUnended()
      return CANCELLED
    }
    const { status, stopReason, failureClass, code } = ended
    const error = { code, detail: 'as recorded' }
    return { ...CANCELLED, status, stopReason, failureClass, error }
  }

  async #success(packed: PackedUnit, accepted: UnitHistory['accepted'][number]): Promise<Answer> {
    const attested = decodeAttestation(accepted.receipt.item)
    const { mode } = packed.unit.verification
    if (attested.work_unit_id !== packed.id)
      this.#note(`the receipt of unit ${packed.id} is for unit ${attested.work_unit_id}`)
    const bytes = await this.#ports.blobs.get(attested.output_cid)
    if (bytes === null) this.#note(`the output of unit ${packed.id} is not in the store`)
    else if (mode !== 'none' && !this.#ports.judge(packed, bytes).ok)
      this.#note(`the output of unit ${packed.id} is not what its schema asks for`)
    return {
      status: 'success',
      stopReason: 'success',
      failureClass: null,
      error: null,
      outputCid: attested.output_cid,
      verification: mode === 'none' ? 'none' : 'schema'
    }
  }

  #note(text: string): void {
    this.#notes.push(text)
  }
}
