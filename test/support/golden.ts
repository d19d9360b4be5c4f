/**
 * Golden bytes: what a message looks like on the wire, once and for all.
 *
 * Compares with the hex committed under test/vectors/golden and writes only when UPDATE_GOLDEN=1
 * asks for it. A message never changes its bytes: another encoding is a new version, a new file.
 */

import { equal, fail } from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

const FOLDER = join(import.meta.dirname, '../vectors/golden')
const GoldenFile = z.strictObject({ name: z.string(), bytes: z.int(), hex: z.string() })

/** Fails with both spellings where the bytes differ from those committed under this name. */
export function goldenBytes(name: string, bytes: Uint8Array): void {
  const path = join(FOLDER, `${name}.json`)
  const hex = Buffer.from(bytes).toString('hex')
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(path), { recursive: true })
    const file = { name, bytes: bytes.length, hex }
    writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`)
    return
  }
  if (!existsSync(path)) fail(`no golden bytes for ${name}: run once with UPDATE_GOLDEN=1`)
  const golden = GoldenFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  equal(hex, golden.hex, `the bytes of ${name} changed: a changed message is a new version`)
}
