/**
 * Where nodes are and how long a message takes between two of them: half a measured round trip and
 * some of its deviation, drawn by the pair's own stream. Loss shows as time, as on any stream.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Chance } from '../kernel/chance.ts'
import { decodeMatrix, type LatencyMatrix, rttUs, withoutGaps } from '../network/latency-matrix.ts'
import type { Scenario } from './scenario.ts'

export class Places {
  readonly #matrix: LatencyMatrix | null
  readonly #equalUs: number
  readonly #placeOf: Int32Array
  readonly #jitter: Chance

  /** `count` hosts, each at a place that the chance draws. */
  constructor(
    latency: Scenario['latency'],
    count: number,
    { place, jitter }: Record<'place' | 'jitter', Chance>
  ) {
    const matrix = typeof latency === 'string' ? shippedMatrix(latency) : null
    this.#matrix = matrix
    this.#equalUs = typeof latency === 'string' ? 0 : latency.rtt_ms * 1_000
    this.#placeOf = Int32Array.from({ length: count }, () =>
      matrix === null ? 0 : place.below(matrix.places)
    )
    this.#jitter = jitter
  }

  /** Microseconds of one way, as drawn for this message. */
  oneWayUs(from: number, to: number): number {
    const [a, b] = [this.#placeOf[from] ?? 0, this.#placeOf[to] ?? 0]
    const base = this.#matrix === null ? this.#equalUs : rttUs(this.#matrix, a, b)
    const deviation = this.#matrix?.jitterUs?.[a * this.#matrix.places + b] ?? base >> 5
    const spread = Math.min(deviation, base) >> 1
    return (base >> 1) + (spread === 0 ? 0 : this.#jitter.below(spread))
  }
}

function shippedMatrix(name: string): LatencyMatrix {
  const file = new URL(`../data/${name}.bin.gz`, import.meta.url)
  return withoutGaps(decodeMatrix(gunzipSync(readFileSync(file))))
}
