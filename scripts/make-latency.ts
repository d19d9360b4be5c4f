/**
 * Writes `sim/data/*.bin.gz` from the published matrices: `npx node scripts/make-latency.ts <folder>`,
 * with the folder that holds `wondernetwork/*.csv`, `PlanetLab_1.txt.gz` and `Seattle_1.txt.gz`.
 * A reading that is missing stays a gap. Run by hand, and its output committed;
 * `test/fixtures/SOURCES.md` says from where it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { encodeMatrix } from '../sim/network/latency-matrix.ts'

const [folder = '.'] = process.argv.slice(2)
const OUT = join(import.meta.dirname, '../sim/data')

/** 0 where there is no reading. */
function timesOf(text: string, unitUs: number): readonly (readonly number[])[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const cells = line.includes(',') ? line.split(',') : line.trim().split(/\s+/)
    return cells.map((cell) => (Number(cell) > 0 ? Math.round(Number(cell) * unitUs) : 0))
  })
}

function planeOf(name: string, rows: readonly (readonly number[])[]): Uint32Array {
  const places = rows.length
  const plane = new Uint32Array(places * places)
  for (const [from, row] of rows.entries()) {
    if (row.length !== places) throw new Error(`${name}: row ${from} has ${row.length} columns`)
    for (const [to, us] of row.entries()) if (from !== to) plane[from * places + to] = us
  }
  return plane
}

function write(
  name: string,
  rtt: readonly (readonly number[])[],
  jitter: readonly (readonly number[])[] | null
): void {
  const matrix = {
    name,
    places: rtt.length,
    rttUs: planeOf(name, rtt),
    jitterUs: jitter === null ? null : planeOf(`${name}, deviation`, jitter)
  }
  const bytes = gzipSync(encodeMatrix(matrix), { level: 9 })
  writeFileSync(join(OUT, `${name}.bin.gz`), bytes)
  console.log(`${name}.bin.gz: ${bytes.length} bytes`)
}

const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
const zipped = (file: string): string => gunzipSync(readFileSync(join(folder, file))).toString()

write(
  'wondernetwork',
  timesOf(text('wondernetwork/rtt_ms.csv'), 1_000),
  timesOf(text('wondernetwork/jitter_ms.csv'), 1_000)
)
write('planetlab', timesOf(zipped('PlanetLab_1.txt.gz'), 1_000), null)
write('seattle', timesOf(zipped('Seattle_1.txt.gz'), 1_000_000), null)
