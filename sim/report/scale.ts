/**
 * From values to places on a plot: linear or logarithmic, with ticks at round numbers. Knows no
 * picture and no unit. A value that the scale cannot show (0 on a logarithmic one) has no place.
 */
import { assert } from '#contracts'

export interface Scale {
  /** 0 at the low end, 1 at the high end; null where the scale has no such value. */
  readonly at: (value: number) => number | null
  readonly ticks: readonly number[]
}

export type ScaleKind = 'linear' | 'log'

const TICKS_WANTED = 5
/** More powers of ten than this and only every second, third, … is named. */
const DECADES_NAMED = 8
/** A narrower span than this has no step that a double can hold exactly enough. */
const NARROWEST = 1e-300

/** Covers all values that it can show; a single value gets room on both sides. */
export function scaleOf(kind: ScaleKind, values: readonly number[]): Scale {
  const shown = values.filter((value) => Number.isFinite(value) && (kind === 'linear' || value > 0))
  const least = shown.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const most = shown.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (least > most) return { at: () => null, ticks: [] }
  return kind === 'linear' ? linear(least, most) : logarithmic(least, most)
}

function linear(least: number, most: number): Scale {
  const span = Math.max(most - least || Math.abs(most) || 1, NARROWEST)
  const step = roundStep(span / TICKS_WANTED)
  // Rounding may put a multiple of the step on the wrong side of the value it was made of.
  const low = Math.min(Math.floor(least / step) * step, least)
  const high = Math.max(Math.ceil(most / step) * step, low + step, most)
  const count = Math.round((high - low) / step)
  const ticks = Array.from({ length: count + 1 }, (_, index) => tidy(low + index * step))
  return { at: (value) => (Number.isFinite(value) ? (value - low) / (high - low) : null), ticks }
}

function logarithmic(least: number, most: number): Scale {
  const low = Math.floor(Math.log10(least))
  const high = Math.max(Math.ceil(Math.log10(most)), low + 1)
  const every = Math.ceil((high - low) / DECADES_NAMED)
  const count = Math.floor((high - low) / every)
  return {
    at: (value) => (value > 0 ? (Math.log10(value) - low) / (high - low) : null),
    ticks: Array.from({ length: count + 1 }, (_, index) => 10 ** (low + index * every))
  }
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundStep(wanted: number): number {
  const decade = 10 ** Math.floor(Math.log10(wanted))
  const step = [1, 2, 5, 10].find((factor) => factor * decade >= wanted * (1 - 1e-9))
  assert(step !== undefined, 'ten times a power of ten is above what it came from')
  return step * decade
}

/** Without the dust of adding tenths. */
const tidy = (value: number): number => Number(value.toPrecision(12))

/** Short, for an axis: `250k`, `1e-4`, `0.25`. */
export function tickText(value: number): string {
  const size = Math.abs(value)
  if (value === 0) return '0'
  if (size >= 1e9 || size < 1e-3) return value.toExponential().replace('e+', 'e')
  if (size >= 1e6) return `${tidy(value / 1e6)}M`
  if (size >= 1e4) return `${tidy(value / 1e3)}k`
  return String(tidy(value))
}
