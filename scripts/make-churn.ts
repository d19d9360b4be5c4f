/**
 * Makes `sim/nodes/churn-combos.data.ts`: how long volunteers' machines are there and away, as quantiles
 * of the published fits. Run by hand; the result is committed, so that no run needs a logarithm.
 *
 *   node scripts/make-churn.ts
 *
 * Source: B. Javadi, D. Kondo, J.-M. Vincent, D. P. Anderson, "Discovering Statistical Models of
 * Availability in Large Distributed Systems: An Empirical Study of SETI@home", IEEE TPDS 22 (2011), as
 * used by S. Alonso-Monsalve et al., "ComBoS: A complete simulator of Volunteer Computing and Desktop
 * Grids", SIMPAT 77 (2017): availability Weibull, outages log-normal, both in hours.
 */
import { writeFileSync } from 'node:fs'

/** The logarithm of the square root of 2π. */
const HALF_LOG_TAU = Math.log(2 * Math.PI) / 2

const POINTS = 512
const MS_PER_HOUR = 3_600_000
const AVAILABLE = { shape: 0.393, scaleHours: 2.964 }
const AWAY = { mu: -0.586, sigma: 2.844 }

const weibullHours = (share: number): number =>
  AVAILABLE.scaleHours * (-Math.log(1 - share)) ** (1 / AVAILABLE.shape)

const logNormalHours = (share: number): number => Math.exp(AWAY.mu + AWAY.sigma * probit(share))

/** The inverse of the normal distribution, by halving: exact enough, and nobody waits for it. */
function probit(share: number): number {
  let [low, high] = [-10, 10]
  for (let turn = 0; turn < 80; turn++) {
    const middle = (low + high) / 2
    if (normal(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The normal distribution, by its series (Marsaglia, "Evaluating the Normal Distribution", 2004). */
function normal(value: number): number {
  if (Math.abs(value) > 8) return value > 0 ? 1 : 0
  let [sum, term] = [value, value]
  for (let odd = 3; Math.abs(term) > 1e-18; odd += 2) {
    term *= (value * value) / odd
    sum += term
  }
  return 0.5 + sum * Math.exp(-0.5 * value * value - HALF_LOG_TAU)
}

function table(name: string, about: string, hoursAt: (share: number) => number): string {
  const ms = Array.from({ length: POINTS }, (_, index) =>
    Math.round(hoursAt((index + 0.5) / POINTS) * MS_PER_HOUR)
  )
  return `/** ${about} */\nexport const ${name}: readonly number[] = ${JSON.stringify(ms)}\n`
}

const head = `/**
 * How long volunteers' machines are there and away: ${POINTS} quantiles each, in milliseconds, of the fits
 * that \`scripts/make-churn.ts\` names and makes this file from. Not to be edited.
 */
`
const parts = [
  table('AVAILABLE_MS', 'Weibull, shape 0.393, scale 2.964 h.', weibullHours),
  table('AWAY_MS', 'Log-normal of hours, mu -0.586, sigma 2.844.', logNormalHours)
]
const file = new URL('../sim/nodes/churn-combos.data.ts', import.meta.url)
writeFileSync(file, `${head}\n${parts.join('\n')}`)
