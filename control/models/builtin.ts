/**
 * The models that come with the package: five of them, from npm packages, by content hash. What they
 * are stands in builtin.json, which scripts/make-golden.ts writes; where their files lie on this
 * machine is found here. Runs nothing and hashes nothing: whoever uses a file checks its hash.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import {
  assert,
  type Cid,
  cidOfDocument,
  encodeManifest,
  ModelManifest,
  readShape
} from '#contracts'
import { MODEL_SOURCES, type ModelSource } from './sources.ts'

export interface RegisteredModel {
  readonly manifest: ModelManifest
  /** The content id of the manifest: "the model" everywhere else. */
  readonly cid: Cid
  readonly manifestBytes: Uint8Array
  /** Absolute path of each file that the manifest names. */
  readonly files: Readonly<Record<string, string>>
  /** All content of the model, golden vectors included, by content id. */
  readonly blobs: readonly { readonly cid: Cid; readonly path: string }[]
}

/** Where this package keeps the golden vectors: encoded values, named by content id. */
export const GOLDEN_FOLDER = fileURLToPath(new URL('./golden/', import.meta.url))
const MANIFESTS_PATH = fileURLToPath(new URL('./builtin.json', import.meta.url))

/** The folder of an installed package, whether or not it exports its package.json. */
export function packageFolder(name: string): string {
  const require = createRequire(import.meta.url)
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = join(folder, name)
    try {
      readFileSync(join(candidate, 'package.json'))
      return candidate
    } catch {
      // Not installed at this level: the next one up may have it.
    }
  }
  return dirname(require.resolve(`${name}/package.json`))
}

export function sourcePaths(source: ModelSource): Record<string, string> {
  const folder = packageFolder(source.package)
  return Object.fromEntries(
    Object.entries(source.files).map(([name, path]) => [name, join(folder, path)])
  )
}

function register(source: ModelSource, manifest: ModelManifest): RegisteredModel {
  const files = sourcePaths(source)
  const fileBlobs = manifest.files.map(({ name, cid }) => {
    const path = files[name]
    assert(path !== undefined, `builtin.json and sources.ts name the same files: ${name}`)
    return { cid, path }
  })
  const goldenBlobs = manifest.golden
    .flatMap(({ inputs, outputs }) => [inputs, outputs])
    .map((cid) => ({ cid, path: join(GOLDEN_FOLDER, `${cid}.cbor`) }))
  const manifestBytes = encodeManifest(manifest)
  const blobs = [...fileBlobs, ...goldenBlobs]
  return { manifest, cid: cidOfDocument(manifestBytes), manifestBytes, files, blobs }
}

let known: readonly RegisteredModel[] | undefined

/** The five models, in the order of sources.ts. */
export function builtinModels(): readonly RegisteredModel[] {
  if (known !== undefined) return known
  const written: unknown = JSON.parse(readFileSync(MANIFESTS_PATH, 'utf8'))
  const manifests = readShape(z.array(ModelManifest), written, 'model.manifest_malformed')
  known = MODEL_SOURCES.map((source) => {
    const manifest = manifests.find(({ name }) => name === source.name)
    assert(manifest !== undefined, `builtin.json describes ${source.name}`)
    return register(source, manifest)
  })
  return known
}
