/**
 * Changes the sample rate of mono audio by a windowed-sinc polyphase filter (Kaiser window).
 *
 * Every figure is made by additions, multiplications, divisions and square roots alone, which
 * IEEE 754 fixes to the bit, so two machines give equal samples. It refuses nothing: its caller
 * has checked the rates and the length.
 */

/** Zero crossings on each side: 24 keeps the pass band flat to 0.93 of the lower Nyquist rate. */
const ZERO_CROSSINGS = 24
/** Kaiser shape: about 80 dB of stop-band attenuation, below the noise of 16-bit recordings. */
const KAISER_BETA = 8
/** Cut a little below Nyquist, so that the transition band ends at it. */
const ROLL_OFF = 0.945
/** Above this many phases the filter bank is not tabled but computed per output sample. */
const PHASES_TABLED_MAX = 2_048

/** sin(pi x) by range reduction and a Taylor polynomial: equal bits on every engine. */
export function sinPi(x: number): number {
  let r = x - 2 * Math.round(x / 2)
  if (r > 0.5) r = 1 - r
  if (r < -0.5) r = -1 - r
  const t = r * Math.PI
  const t2 = t * t
  let term = t
  let sum = t
  for (let k = 2; k <= 20; k += 2) {
    term = (-term * t2) / (k * (k + 1))
    sum += term
  }
  return sum
}

/** Modified Bessel function of order 0, by its power series. */
function besselI0(x: number): number {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let k = 1; k < 60; k++) {
    term = (term * quarter) / (k * k)
    sum += term
    if (term < sum * 1e-17) break
  }
  return sum
}

const I0_BETA = besselI0(KAISER_BETA)

/** The filter's value at a distance in input samples; `cutoff` is a share of the input rate. */
function kernelAt(distance: number, cutoff: number, halfWidth: number): number {
  const position = distance / halfWidth
  const inside = 1 - position * position
  if (inside <= 0) return 0
  const window = besselI0(KAISER_BETA * Math.sqrt(inside)) / I0_BETA
  const x = distance * cutoff
  const sinc = Math.abs(x) < 1e-12 ? 1 : sinPi(x) / (Math.PI * x)
  return cutoff * sinc * window
}

function greatestCommonDivisor(a: number, b: number): number {
  let x = a
  let y = b
  while (y !== 0) {
    const rest = x % y
    x = y
    y = rest
  }
  return x
}

interface Filter {
  readonly taps: number
  readonly reach: number
  readonly weights: (phase: number) => Float64Array
}

/** One row of weights per fractional position, each row normalised so that silence stays 0. */
function buildFilter(up: number, down: number): Filter {
  const cutoff = ROLL_OFF * Math.min(1, up / down)
  const halfWidth = ZERO_CROSSINGS / cutoff
  const reach = Math.ceil(halfWidth)
  const taps = 2 * reach + 1
  const compute = (phase: number): Float64Array => {
    const row = new Float64Array(taps)
    let sum = 0
    for (let tap = 0; tap < taps; tap++) {
      const weight = kernelAt(tap - reach - phase / up, cutoff, halfWidth)
      row[tap] = weight
      sum += weight
    }
    for (let tap = 0; tap < taps; tap++) row[tap] = (row[tap] ?? 0) / sum
    return row
  }
  if (up > PHASES_TABLED_MAX) return { taps, reach, weights: compute }
  const table = new Map<number, Float64Array>()
  const weights = (phase: number): Float64Array => {
    const known = table.get(phase)
    if (known !== undefined) return known
    const row = compute(phase)
    table.set(phase, row)
    return row
  }
  return { taps, reach, weights }
}

/** How many samples `resample` returns. */
function resampledLength(samples: number, fromHz: number, toHz: number): number {
  return Math.max(1, Math.round((samples * toHz) / fromHz))
}

/** Mono samples at `fromHz` to mono samples at `toHz`; both in whole hertz. */
export function resample(samples: Float32Array, fromHz: number, toHz: number): Float32Array {
  if (fromHz === toHz) return samples
  const divisor = greatestCommonDivisor(fromHz, toHz)
  const up = toHz / divisor
  const down = fromHz / divisor
  const { taps, reach, weights } = buildFilter(up, down)
  const output = new Float32Array(resampledLength(samples.length, fromHz, toHz))
  for (let index = 0; index < output.length; index++) {
    const position = index * down
    const phase = position % up
    const first = (position - phase) / up - reach
    const row = weights(phase)
    let sum = 0
    const from = Math.max(0, -first)
    const to = Math.min(taps, samples.length - first)
    for (let tap = from; tap < to; tap++) sum += (samples[first + tap] ?? 0) * (row[tap] ?? 0)
    output[index] = sum
  }
  return output
}
