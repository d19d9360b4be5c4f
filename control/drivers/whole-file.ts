/** Files of a data folder that are there whole or not at all, whatever a crash or a full disk does. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskError } from '#mesh-node/store'

/** Another name first, then the right one, on the disk before it counts. Throws `store.*`. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const part = `${path}.part`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(part, content, { flush: true })
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw diskError(error, path)
  }
}
