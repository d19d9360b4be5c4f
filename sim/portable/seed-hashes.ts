/**
 * Seeds of the swarm, each as the hashes that two machines must have in common. Runs wherever modules
 * run: what a disk or a network gives is handed in.
 */
import { runSeed } from '../search/soak.ts'
import type { MatrixOf } from '../world/places.ts'

export interface SeedHashes {
  readonly seed: number
  readonly events: number
  readonly trace_hash: string
  readonly ledger_digest: string
  /** The first rule that was broken, or null. */
  readonly rule: string | null
}

export interface SeedRange {
  readonly from: number
  readonly seeds: number
}

export async function seedHashes(
  { from, seeds }: SeedRange,
  matrixOf: MatrixOf
): Promise<readonly SeedHashes[]> {
  const ports = { goesOn: async () => true, matrixOf, wallMs: () => 0, rssMb: () => 0 }
  const hashes: SeedHashes[] = []
  for (let seed = from; seed < from + seeds; seed++) {
    const { report, finding } = await runSeed(seed, ports)
    hashes.push({
      seed,
      events: report?.events ?? 0,
      trace_hash: report?.trace_hash ?? '',
      ledger_digest: report?.ledger_digest ?? '',
      rule: finding?.rule ?? null
    })
  }
  return hashes
}

/** The first seed on which two machines differ; null: they agree on all. */
export function firstDifferent(
  one: readonly SeedHashes[],
  other: readonly SeedHashes[]
): number | null {
  const at = one.findIndex(
    (hashes, index) => JSON.stringify(hashes) !== JSON.stringify(other[index])
  )
  if (at === -1) return one.length === other.length ? null : (other[one.length]?.seed ?? null)
  return one[at]?.seed ?? null
}
