/**
 * Writes the JSON Schemas of TaskGraph and WorkUnit for editors: contracts/schemas/*.json, made from
 * the shapes that the code itself reads with. Run it after a change of either; a test tells when it
 * was forgotten.
 */
import { writeFileSync } from 'node:fs'
import { editorSchemas } from '../test/support/editor-schemas.ts'

for (const { path, text } of editorSchemas()) {
  writeFileSync(path, text)
  console.log(`wrote ${path.pathname}`)
}
