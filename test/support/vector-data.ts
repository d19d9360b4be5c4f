/**
 * Reads the vectors committed under test/vectors/data, each file by its shape. Where they come
 * from and under which licence stands in test/fixtures/SOURCES.md.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const FOLDER = join(import.meta.dirname, '../vectors/data')

export function readVectors<Row extends z.ZodType>(name: string, row: Row): z.infer<Row>[] {
  const parsed: unknown = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'))
  return z.array(row).parse(parsed)
}

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
