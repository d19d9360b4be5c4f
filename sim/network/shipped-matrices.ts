/** The round trips that ship with the simulator, as Node reads them: each file once in a process. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { decodeMatrix, type LatencyMatrix, withoutGaps } from './latency-matrix.ts'

const read = new Map<string, LatencyMatrix>()

/** `name` is that of a file in `sim/data`. */
export function shippedMatrix(name: string): LatencyMatrix {
  const known = read.get(name)
  if (known !== undefined) return known
  const file = new URL(`../data/${name}.bin.gz`, import.meta.url)
  const matrix = withoutGaps(decodeMatrix(gunzipSync(readFileSync(file))))
  read.set(name, matrix)
  return matrix
}
