/**
 * What a run looked like over its time, for plots: how long units took, how much was done, spent and
 * believed by when. Looks on as things are recorded; it enters nothing and changes no trace.
 */
import { assert, type UnitId } from '#contracts'

/** Beyond this every other look is dropped, and half as many are taken from then on. */
const LOOKS_MAX = 400
const EVERY_MS_FIRST = 100
/** Points of a distribution: more than a plot shows. */
const SHARES = 200

/** The mesh at one moment. */
export interface Look {
  readonly nodes_up: number
  readonly spent_micro: number
  readonly held_micro: number
  /** Mean score of the nodes of each role, in thousandths; roles that nobody has are left out. */
  readonly trust_milli: Readonly<Record<string, number>>
}

export interface TimedLook extends Look {
  readonly at_ms: number
  readonly units_submitted: number
  readonly units_ended: number
}

/** A city of the matrix, and what was there. */
export interface PlaceTally {
  readonly place: number
  readonly nodes: number
  /** Runs that its nodes began. */
  readonly executions: number
}

export interface RunSeries {
  readonly looks: readonly TimedLook[]
  /** From a unit's submission to its end: this share of the units took no longer. */
  readonly turnaround_ms: readonly (readonly [ms: number, share: number])[]
  /** The measured round trips that nodes were placed in; null: they were nowhere in particular. */
  readonly matrix: string | null
  /** By places of that matrix. */
  readonly places: readonly PlaceTally[]
}

export class Chronicle {
  readonly #nowMs: () => number
  readonly #look: (() => Look) | null
  readonly #submittedAtMs = new Map<UnitId, number>()
  readonly #tookMs = new Map<UnitId, number>()
  #looks: TimedLook[] = []
  #everyMs = EVERY_MS_FIRST
  #nextMs = 0

  /** Without a way to look nobody asks for the plots, and nothing is kept. */
  constructor(nowMs: () => number, look: (() => Look) | null) {
    this.#nowMs = nowMs
    this.#look = look
  }

  /** A unit that is submitted again after a crash waits from its first submission. */
  submitted(unit: UnitId): void {
    if (this.#look === null) return
    if (!this.#submittedAtMs.has(unit)) this.#submittedAtMs.set(unit, this.#nowMs())
  }

  /** A control node that began anew says again what has ended. */
  ended(unit: UnitId): void {
    if (this.#look === null || this.#tookMs.has(unit)) return
    const fromMs = this.#submittedAtMs.get(unit)
    assert(fromMs !== undefined, 'what has ended was submitted')
    this.#tookMs.set(unit, this.#nowMs() - fromMs)
  }

  /** Something was written to the ledger: a look, where the last one is long enough ago. */
  recorded(): void {
    if (this.#look === null || this.#nowMs() < this.#nextMs) return
    this.#take()
    this.#nextMs = this.#nowMs() + this.#everyMs
    if (this.#looks.length < LOOKS_MAX) return
    this.#looks = this.#looks.filter((_, index) => index % 2 === 0)
    this.#everyMs *= 2
  }

  /** All that was seen, with a last look at the end. */
  series(where: Pick<RunSeries, 'matrix' | 'places'>): RunSeries {
    this.#take()
    const turnaround = distribution([...this.#tookMs.values()])
    return { looks: this.#looks, turnaround_ms: turnaround, ...where }
  }

  #take(): void {
    assert(this.#look !== null, 'somebody asks for the plots')
    this.#looks.push({
      at_ms: this.#nowMs(),
      units_submitted: this.#submittedAtMs.size,
      units_ended: this.#tookMs.size,
      ...this.#look()
    })
  }
}

/** The share of the values at or below each of some of them, the largest last. */
function distribution(values: readonly number[]): readonly (readonly [number, number])[] {
  const sorted = values.toSorted((a, b) => a - b)
  const points = Math.min(SHARES, sorted.length)
  return Array.from({ length: points }, (_, point) => {
    const at = Math.ceil(((point + 1) * sorted.length) / points) - 1
    return [sorted[at] ?? 0, (at + 1) / sorted.length] as const
  })
}
