/**
 * Where nodes are and how long a message takes between two of them: half a measured round trip and
 * some of its deviation, drawn by the pair's own stream. Loss shows as time, as on any stream.
 */
import type { Chance } from '../kernel/chance.ts'
import { type LatencyMatrix, rttUs } from '../network/latency-matrix.ts'
import type { Ways } from '../network/paths.ts'
import type { Scenario } from './scenario.ts'

/** Measured round trips by name, without gaps: from a disk in Node, over the network in a page. */
export type MatrixOf = (name: string) => LatencyMatrix

export interface PlacePorts {
  readonly place: Chance
  readonly jitter: Chance
  readonly matrixOf: MatrixOf
}

export class Places implements Ways {
  readonly #matrix: LatencyMatrix | null
  readonly #equalUs: number
  readonly #placeOf: Int32Array
  readonly #jitter: Chance

  /** `count` hosts, each at a place that the chance draws. */
  constructor(
    latency: Scenario['latency'],
    count: number,
    { place, jitter, matrixOf }: PlacePorts
  ) {
    const matrix = typeof latency === 'string' ? matrixOf(latency) : null
    this.#matrix = matrix
    this.#equalUs = typeof latency === 'string' ? 0 : latency.rtt_ms * 1_000
    this.#placeOf = Int32Array.from({ length: count }, () =>
      matrix === null ? 0 : place.below(matrix.places)
    )
    this.#jitter = jitter
  }

  /** The number of its place in the matrix; null where nodes are nowhere in particular. */
  placeOf(host: number): number | null {
    return this.#matrix === null ? null : (this.#placeOf[host] ?? null)
  }

  baseUs(from: number, to: number): number {
    return this.#rttUs(this.#placeOf[from] ?? 0, this.#placeOf[to] ?? 0) >> 1
  }

  /** Microseconds of one way, as drawn for this message. */
  oneWayUs(from: number, to: number): number {
    const a = this.#placeOf[from] ?? 0
    const b = this.#placeOf[to] ?? 0
    const base = this.#rttUs(a, b)
    const deviation = this.#matrix?.jitterUs?.[a * this.#matrix.places + b] ?? base >> 5
    const spread = Math.min(deviation, base) >> 1
    return (base >> 1) + (spread === 0 ? 0 : this.#jitter.below(spread))
  }

  #rttUs(a: number, b: number): number {
    return this.#matrix === null ? this.#equalUs : rttUs(this.#matrix, a, b)
  }
}
