/**
 * Bundles a test's own entry for the browser, as the product's page is bundled, into a folder with
 * an `index.html`. What the entry names by address (workers, ONNX Runtime's files) goes with it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeEntry } from '#browser-node/build'

export interface EntryBundle {
  readonly dir: string
  readonly remove: () => void
}

/** `entry` is a path from the project's root, for example `test/browser/support/ports-entry.ts`. */
export async function bundleEntry(entry: string): Promise<EntryBundle> {
  const dir = mkdtempSync(join(tmpdir(), 'kora-entry-'))
  await writeEntry(dir, resolve(entry))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
