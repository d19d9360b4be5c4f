/**
 * How long things took, in microseconds: counted in buckets of a thousandth, so that millions of them
 * take no more room than a hundred. Integers alone.
 */

/** A bucket is so much of its value: a thousandth. */
const STEPS = 1_024
const BUCKETS = STEPS * 44

export class DelayHistogram {
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0

  get count(): number {
    return this.#total
  }

  add(us: number): void {
    const bucket = bucketOf(us)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total += 1
  }

  /** The smallest value that at least `perMille` of them do not exceed; 0 where there are none. */
  quantileUs(perMille: number): number {
    const rank = Math.max(1, Math.ceil((this.#total * perMille) / 1_000))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0
      if (this.#total > 0 && seen >= rank) return usOf(bucket)
    }
    return 0
  }
}

function bucketOf(us: number): number {
  let scaled = us
  let exponent = 0
  while (scaled >= 2 * STEPS) {
    scaled = Math.floor(scaled / 2)
    exponent += 1
  }
  return Math.min(exponent * STEPS + scaled, BUCKETS - 1)
}

function usOf(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket
  const exponent = Math.floor(bucket / STEPS) - 1
  return (bucket - exponent * STEPS) * 2 ** exponent
}
