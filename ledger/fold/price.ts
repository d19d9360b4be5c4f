/**
 * What one accepted attempt costs, in integers of micro-credits, half-even. Compute is
 * billed at the model's calibrated cost for the input's size, never above what the node claims;
 * a model without a calibrated cost bills no compute, because a node's own clock never sets a price.
 */
import { assert, type PriceSchedule } from '#contracts'

const MICROSECONDS_PER_S = 1_000_000
const BYTES_PER_KIB = 1024
const TOKENS_PER_PRICE = 1000
/** A day in milliseconds, which no run may last (timeouts.run_ms): claims beyond it are cut. */
const WALL_MS_MAX = 86_400_000

export interface ModelCost {
  readonly base_us: number
  readonly us_per_kib: number
}

export interface PriceInput {
  readonly cost: ModelCost | null
  readonly inputBytes: number
  readonly wallMs: number
  readonly tokensIn: number
  readonly tokensOut: number
  readonly nodeClass: string
  readonly prices: PriceSchedule
  readonly maxMicro: number
}

export interface Price {
  readonly compute_micro: number
  readonly tokens_micro: number
  readonly total_micro: number
}

/** Never above `maxMicro`: compute is paid first, tokens from what is left. */
export function priceOf(input: PriceInput): Price {
  const { prices, nodeClass, maxMicro } = input
  const perSecond = prices.compute_micro_per_s[nodeClass] ?? prices.compute_micro_per_s['*'] ?? 0
  const compute = Math.min(
    maxMicro,
    ratio(billedTicks(input), perSecond, MICROSECONDS_PER_S * BYTES_PER_KIB)
  )
  const perThousand = prices.tokens_micro_per_1000
  const tokens = Math.min(
    maxMicro - compute,
    ratio(input.tokensIn, perThousand, TOKENS_PER_PRICE, input.tokensOut)
  )
  assert(compute >= 0 && tokens >= 0 && compute + tokens <= maxMicro, 'a price is within its bound')
  return { compute_micro: compute, tokens_micro: tokens, total_micro: compute + tokens }
}

/** Billed time in 1/1024 of a microsecond, so that cost per KiB is exact. */
function billedTicks({ cost, inputBytes, wallMs }: PriceInput): number | bigint {
  if (cost === null) return 0
  const claimed = Math.floor(Math.min(wallMs, WALL_MS_MAX) * 1000) * BYTES_PER_KIB
  const calibrated = cost.base_us * BYTES_PER_KIB + cost.us_per_kib * inputBytes
  if (Number.isSafeInteger(calibrated)) return Math.min(calibrated, claimed)
  const exact = BigInt(cost.base_us) * 1024n + BigInt(cost.us_per_kib) * BigInt(inputBytes)
  return exact < BigInt(claimed) ? exact : claimed
}

/** (count + more) × price ÷ divisor, rounded half to even, at most the largest safe integer. */
function ratio(count: number | bigint, price: number, divisor: number, more = 0): number {
  if (typeof count === 'number') {
    const product = (count + more) * price
    if (Number.isSafeInteger(product)) {
      const quotient = Math.floor(product / divisor)
      const rest = product - quotient * divisor
      return roundedHalfEven(quotient, rest, divisor)
    }
  }
  const product = (BigInt(count) + BigInt(more)) * BigInt(price)
  const quotient = product / BigInt(divisor)
  if (quotient >= BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
  return roundedHalfEven(Number(quotient), Number(product % BigInt(divisor)), divisor)
}

function roundedHalfEven(quotient: number, rest: number, divisor: number): number {
  const twice = 2 * rest
  if (twice < divisor) return quotient
  if (twice > divisor) return quotient + 1
  return quotient + (quotient % 2)
}
