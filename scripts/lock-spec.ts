/**
 * Writes contracts/spec/versions.json: each normative document's version and hash. Refuses a changed
 * document whose version stayed the same, so that nobody changes a contract in silence.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { lockSpec, SPEC_DOCUMENTS, type SpecVersions } from '../test/support/spec-lock.ts'

const folder = new URL('../contracts/spec/', import.meta.url)
const lockFile = new URL('versions.json', folder)
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8')
const locked: SpecVersions = JSON.parse(readOr(lockFile, '{}'))
const { next, faults } = lockSpec(
  locked,
  Object.fromEntries(SPEC_DOCUMENTS.map((name) => [name, read(name)]))
)
if (faults.length > 0) {
  for (const fault of faults) console.error(fault)
  process.exitCode = 1
} else {
  writeFileSync(lockFile, `${JSON.stringify(next, null, 2)}\n`)
}

function readOr(file: URL, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
