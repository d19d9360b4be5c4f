/** Reads the normative documents: their versions, hashes and marked tables. Writes nothing. */
import { createHash } from 'node:crypto'

export const SPEC_DOCUMENTS = [
  'task_ir_contract.md',
  'kora_krako_interface.md',
  'stage_taxonomy.md',
  'budget_governance_contract.md',
  'determinism_replay_contract.md'
] as const

export type SpecVersions = Record<string, { version: string; sha256: string }>

/** The version that a document states of itself. */
export function statedVersion(text: string): string | null {
  return /^Version (\d+\.\d+\.\d+)\. Normative\./m.exec(text)?.[1] ?? null
}

export const documentHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex')

/** The lock that fits the documents, and what is wrong with it: changed text under an old version. */
export function lockSpec(
  locked: SpecVersions,
  documents: Record<string, string>
): { next: SpecVersions; faults: string[] } {
  const next: SpecVersions = {}
  const faults: string[] = []
  for (const [name, text] of Object.entries(documents)) {
    const version = statedVersion(text)
    const sha256 = documentHash(text)
    const before = locked[name]
    if (version === null) faults.push(`${name}: states no version`)
    else if (before !== undefined && before.sha256 !== sha256 && before.version === version) {
      faults.push(`${name}: changed, and still says version ${version}`)
    }
    next[name] = { version: version ?? '', sha256 }
  }
  return { next, faults }
}

/** Rows of the table that follows `<!-- table: name -->`, without its heading; cells trimmed. */
export function specTable(text: string, name: string): string[][] {
  const lines = text.split('\n')
  const start = lines.indexOf(`<!-- table: ${name} -->`)
  if (start < 0) throw new Error(`no table ${name}`)
  const rows: string[][] = []
  for (const line of lines.slice(start + 3)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    )
  }
  return rows
}
