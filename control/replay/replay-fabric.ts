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
  /**
   * A unit that the session did not live to see the end of. True: nothing from outside ended it, so
   * the answer waits until the conductor itself calls the session off, as it did then.
   */
  readonly onUnended: () => boolean
  /** Calls back once after a pause; the function given back calls it off. */
  readonly afterPause: (fire: () => void) => () => void
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

/**
 * Pauses without a submission or an answer after which a log does not say why its units were
 * cancelled. More than one: a handler that runs long lets a timer fire before its task goes on.
 */
const QUIET_PAUSES = 2

export class ReplayFabric implements Fabric {
  readonly #ports: ReplayFabricPorts
  readonly #asked = new Set<UnitId>()
  readonly #notes: string[] = []
  /** Outcomes that wait for the session to be called off; null: it was. */
  #held: UnitOutcome[] | null = []
  #answering = 0
  #callOff: () => void = () => {}

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
    this.#wait(QUIET_PAUSES)
  }

  cancel(): void {
    const held = this.#held ?? []
    this.#held = null
    this.#callOff()
    for (const outcome of held) this.#ports.emit({ type: 'outcome', outcome })
  }

  async close(): Promise<void> {
    this.#callOff()
  }

  async #answerAll(session: SessionId, units: readonly UnitSubmission[]): Promise<void> {
    this.#answering += 1
    for (const submission of units) {
      const { id } = submission.unit
      const recorded = this.#ports.history.units.get(id)
      const taken = recorded?.escalatedTo ?? []
      const escalations = taken.map(({ trigger }) => trigger)
      const finalUnitId = taken.at(-1)?.to ?? id
      for (const unit of [id, ...taken.map(({ to }) => to)]) this.#asked.add(unit)
      const answer = await this.#answer(submission, finalUnitId)
      const rest = { usage: null, costMicro: 0, executions: [] }
      this.#tell({ session, unitId: id, finalUnitId, escalations, ...answer, ...rest })
    }
    this.#answering -= 1
  }

  #tell(outcome: UnitOutcome): void {
    const waits = outcome.status === 'cancelled' && this.#ports.onUnended()
    if (!waits || this.#held === null) {
      this.#ports.emit({ type: 'outcome', outcome })
      return
    }
    this.#held.push(outcome)
    this.#wait(QUIET_PAUSES)
  }

  /** For the conductor to call the session off; where it has no reason to, the held are told. */
  #wait(pauses: number): void {
    if (this.#held === null || this.#held.length === 0) return
    this.#callOff()
    this.#callOff = this.#ports.afterPause(() => {
      if (this.#answering > 0) this.#wait(QUIET_PAUSES)
      else if (pauses > 1) this.#wait(pauses - 1)
      else this.cancel()
    })
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
    if (ended === null || ended.status === 'cancelled') return CANCELLED
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
