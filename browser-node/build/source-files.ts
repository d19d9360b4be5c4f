/** The sources that a bundle is made of, in an order that is the same on every machine. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export const BUNDLED_FOLDERS: readonly string[] = [
  'browser-node',
  'contracts',
  'ledger',
  'mesh-node'
].map((folder) => join(ROOT, folder))

export function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
}
