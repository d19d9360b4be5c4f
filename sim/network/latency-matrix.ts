/**
 * Round trips between places, measured by others: the bytes that ship with the simulator, and text
 * that a user brings. Integers of microseconds; a matrix with gaps, of the wrong shape or with a time
 * that is none is refused at its line and column. Draws nothing and knows no node.
 *
 * Bytes: `KLAT`, version 1, name length, name (UTF-8), places (uint16), planes (1: round trip, 2: and
 * its mean deviation), then each plane row by row, a time in two bytes, little-endian: 8 bits of
 * exponent and 8 of mantissa, within 0.2 %.
 */
import { assert, ISSUES_MAX, type Issue, MeshError } from '#contracts'

export interface LatencyMatrix {
  readonly name: string
  readonly places: number
  /** From row to column, row by row; 0 on the diagonal, and where nothing was measured. */
  readonly rttUs: Uint32Array
  /** Mean deviation of the same, where it was measured. */
  readonly jitterUs: Uint32Array | null
}

/** Between two nodes in one place: another machine in the same town. */
export const SAME_PLACE_RTT_US = 1_000

/** Half a gigabyte of times: no more places than the largest mesh has nodes. */
const PLACES_MAX = 10_000
const MAGIC = [0x4b, 0x4c, 0x41, 0x54, 1]
const MANTISSA_BITS = 8
const MANTISSAS = 1 << MANTISSA_BITS

/** Microseconds of a round trip. */
export function rttUs({ places, rttUs: times }: LatencyMatrix, from: number, to: number): number {
  const us = times[from * places + to]
  assert(us !== undefined, 'both places are of the matrix')
  return from === to ? SAME_PLACE_RTT_US : us
}

export function encodeMatrix({ name, places, rttUs: rtt, jitterUs }: LatencyMatrix): Uint8Array {
  const label = new TextEncoder().encode(name)
  assert(label.length < 256 && places <= PLACES_MAX, 'the matrix fits its header')
  const planes = jitterUs === null ? [rtt] : [rtt, jitterUs]
  const head = [...MAGIC, label.length, ...label, places & 255, places >> 8, planes.length]
  const bytes = new Uint8Array(head.length + 2 * planes.length * places * places)
  bytes.set(head)
  let at = head.length
  for (const plane of planes) {
    for (const us of plane) {
      const code = codeOf(us)
      bytes[at] = code & 255
      bytes[at + 1] = code >> 8
      at += 2
    }
  }
  return bytes
}

/** Throws `latency.invalid` where the bytes are no matrix, are cut short or go on. */
export function decodeMatrix(bytes: Uint8Array): LatencyMatrix {
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) throw unreadable('not a latency matrix')
  const nameEnd = 6 + (bytes[5] ?? 0)
  const name = new TextDecoder().decode(bytes.subarray(6, nameEnd))
  const places = (bytes[nameEnd] ?? 0) + 256 * (bytes[nameEnd + 1] ?? 0)
  const planes = bytes[nameEnd + 2] ?? 0
  const cells = places * places
  const start = nameEnd + 3
  if (places === 0 || places > PLACES_MAX || planes < 1 || planes > 2) {
    throw unreadable(`${places} places in ${planes} planes`)
  }
  if (bytes.length !== start + 2 * planes * cells) {
    throw unreadable(`${bytes.length} bytes, and ${start + 2 * planes * cells} are announced`)
  }
  const plane = (index: number): Uint32Array => {
    const from = start + 2 * index * cells
    return Uint32Array.from({ length: cells }, (_, cell) => {
      const at = from + 2 * cell
      return usOf((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8))
    })
  }
  return { name, places, rttUs: plane(0), jitterUs: planes === 2 ? plane(1) : null }
}

/**
 * The same with a time for every pair: a reading that is missing takes that of the way back, else the
 * median of its row. Throws `latency.invalid` where nothing is known of a place.
 */
export function withoutGaps(matrix: LatencyMatrix): LatencyMatrix {
  const fill = (plane: Uint32Array): Uint32Array => filledPlane(plane, matrix.places)
  const { rttUs: rtt, jitterUs } = matrix
  return { ...matrix, rttUs: fill(rtt), jitterUs: jitterUs === null ? null : fill(jitterUs) }
}

function filledPlane(plane: Uint32Array, places: number): Uint32Array {
  const filled = plane.slice()
  for (let from = 0; from < places; from++) {
    const known = plane.subarray(from * places, (from + 1) * places).filter((us) => us > 0)
    const median = known.sort()[known.length >> 1]
    for (let to = 0; to < places; to++) {
      const cell = from * places + to
      if (from === to || filled[cell] !== 0) continue
      const us = plane[to * places + from] || median
      if (us === undefined) throw unreadable(`nothing is known of place ${from}`)
      filled[cell] = us
    }
  }
  return filled
}

export interface MatrixTextOptions {
  readonly name: string
  /** Microseconds of the text's unit: 1,000 for milliseconds. */
  readonly unitUs: number
}

/**
 * Reads a square matrix: a line a row, times with commas or white space between. The diagonal may be
 * empty or 0. Throws `latency.invalid` with every fault at its line and column.
 */
export function readMatrixText(text: string, { name, unitUs }: MatrixTextOptions): LatencyMatrix {
  const lines = text.split('\n').flatMap((line, index) => {
    return line.trim() === '' ? [] : [{ line: index + 1, cells: cellsOf(line) }]
  })
  const places = lines.length
  if (places === 0 || places > PLACES_MAX) throw unreadable(`${places} rows`)
  const rtt = new Uint32Array(places * places)
  const issues: Issue[] = []
  lines.forEach(({ line, cells }, row) => {
    const at = { path: `/${row}`, at: { line, column: 1 } }
    if (cells.length !== places) {
      const message = `${cells.length} columns, and there are ${places} rows`
      issues.push({ ...at, rule: 'not_square', message })
      return
    }
    for (const [column, { text: cell, column: place }] of cells.entries()) {
      if (row === column) continue
      const us = Math.round(Number(cell) * unitUs)
      if (cell !== '' && us > 0 && us < 2 ** 32) rtt[row * places + column] = us
      else {
        const rule = cell === '' ? 'gap' : 'not_a_time'
        const message = cell === '' ? 'no time' : `${cell.slice(0, 40)} is no round trip`
        issues.push({ path: `/${row}/${column}`, rule, message, at: { line, column: place } })
      }
      if (issues.length >= ISSUES_MAX) break
    }
  })
  if (issues.length > 0) throw invalid(issues.slice(0, ISSUES_MAX))
  return { name, places, rttUs: rtt, jitterUs: null }
}

interface Cell {
  readonly text: string
  readonly column: number
}

function cellsOf(line: string): readonly Cell[] {
  if (!line.includes(',')) {
    return [...line.matchAll(/\S+/g)].map(({ 0: text, index }) => ({ text, column: index + 1 }))
  }
  let column = 1
  return line.split(',').map((raw) => {
    const cell = { text: raw.trim(), column }
    column += raw.length + 1
    return cell
  })
}

/** The nearest time that two bytes can say. */
function codeOf(us: number): number {
  let exponent = 0
  while (Math.round(us / 2 ** exponent) >= 2 * MANTISSAS) exponent += 1
  const mantissa = Math.round(us / 2 ** exponent)
  return mantissa < MANTISSAS
    ? mantissa
    : ((exponent + 1) << MANTISSA_BITS) | (mantissa - MANTISSAS)
}

function usOf(code: number): number {
  const exponent = code >> MANTISSA_BITS
  const mantissa = code & (MANTISSAS - 1)
  return exponent === 0 ? mantissa : (MANTISSAS + mantissa) * 2 ** (exponent - 1)
}

const unreadable = (message: string): MeshError =>
  invalid([{ path: '', rule: 'unreadable', message }])

const invalid = (issues: readonly Issue[]): MeshError =>
  new MeshError('latency.invalid', { faults: issues.length }, { issues })
