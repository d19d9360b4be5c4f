/**
 * A folder with models for the executor tests, as the page fetches them: the built-in ones, hand-made
 * ones that misbehave, and real inputs. Made anew for each suite and removed by it.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cid,
  cidOfBytes,
  decodeValue,
  encodeValue,
  float32Tensor,
  isValueMap,
  type ModelManifest,
  Tensor,
  type ValueMap
} from '#contracts'
import { builtinModels } from '../../../control/models/builtin.ts'
import { floats, longs, tensorManifest } from '../../support/models.ts'
import { doublingModel, endlessModel, hungryModel } from '../../support/onnx-builder.ts'

/** Windows of Silero's golden pair that the short one keeps: wrong kernels show in the first. */
const SHORT_WINDOWS = 3
const WINDOW_SAMPLES = 512
/** Two such models fit in the memory that the test gives, three do not. */
const PADDING_BYTES = 16 * 1_048_576

export class ExecModels {
  readonly dir = mkdtempSync(join(tmpdir(), 'kora-exec-'))
  readonly #manifests: ModelManifest[] = []

  constructor() {
    mkdirSync(join(this.dir, 'blob'))
    mkdirSync(join(this.dir, 'inputs'))
    for (const { manifest, blobs } of builtinModels()) {
      for (const { cid, path } of blobs) copyFileSync(path, this.#blobPath(cid))
      this.#manifests.push(manifest)
      const [golden] = manifest.golden
      if (golden !== undefined) {
        copyFileSync(this.#blobPath(golden.inputs), this.#inputsPath(manifest.name))
      }
    }
    this.#add(this.#shortSilero())
    this.#addTensor('double', doublingModel(), { x: floats([1, 3], 1, 2, 3) })
    this.#addTensor('endless', endlessModel(), { x: floats([1], 1) })
    this.#addTensor('hungry', hungryModel(), { size: longs(400_000_000) })
    this.addInputs('hungry-once', { size: longs(60_000_000) })
    for (const name of ['padded-a', 'padded-b', 'padded-c']) this.#addPadded(name)
    this.#addDamaged()
    writeFileSync(join(this.dir, 'manifests.json'), JSON.stringify(this.#manifests))
  }

  /** Puts an input where the page finds it as `/inputs/<name>`. */
  addInputs(name: string, inputs: ValueMap): void {
    writeFileSync(this.#inputsPath(name), encodeValue(inputs))
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }

  #blobPath = (cid: Cid): string => join(this.dir, 'blob', cid)
  #inputsPath = (name: string): string => join(this.dir, 'inputs', name)

  #add(manifest: ModelManifest): void {
    this.#manifests.push(manifest)
  }

  #blob(bytes: Uint8Array): Cid {
    const cid = cidOfBytes(bytes)
    writeFileSync(this.#blobPath(cid), bytes)
    return cid
  }

  #addTensor(name: string, bytes: Uint8Array, inputs: ValueMap): void {
    this.#blob(bytes)
    this.#add(tensorManifest(name, bytes))
    this.addInputs(name, inputs)
  }

  /** Doubles like the small one, with a file beside it that takes room. */
  #addPadded(name: string): void {
    const padding = new Uint8Array(PADDING_BYTES)
    const manifest = tensorManifest(name, doublingModel())
    const file = { name: 'padding', cid: this.#blob(padding), bytes: padding.length }
    this.#add({ ...manifest, memory_mb: 1, files: [...manifest.files, file] })
    this.addInputs(name, { x: floats([1, 3], 1, 2, 3) })
  }

  /** The server has other bytes under the content id than it promises. */
  #addDamaged(): void {
    const manifest = tensorManifest('damaged', new TextEncoder().encode('what was meant'))
    for (const { cid } of manifest.files) writeFileSync(this.#blobPath(cid), doublingModel())
    this.#add(manifest)
    this.addInputs('damaged', { x: floats([1, 3], 1, 2, 3) })
  }

  /** The real model, held to the beginning of its own golden pair: it hears one window after the other. */
  #shortSilero(): ModelManifest {
    const manifest = this.#manifests.find(({ name }) => name === 'silero-vad')
    const [golden] = manifest?.golden ?? []
    if (manifest === undefined || golden === undefined) throw new Error('Silero has golden vectors')
    const samples = this.#numbers(golden.inputs, 'samples').slice(0, SHORT_WINDOWS * WINDOW_SAMPLES)
    const probabilities = this.#numbers(golden.outputs, 'probabilities').slice(0, SHORT_WINDOWS)
    const inputs = { samples: float32Tensor([1, samples.length], samples) }
    const outputs = { probabilities: float32Tensor([SHORT_WINDOWS], probabilities) }
    this.addInputs('silero-short', inputs)
    const pair = {
      inputs: this.#blob(encodeValue(inputs)),
      outputs: this.#blob(encodeValue(outputs))
    }
    return { ...manifest, name: 'silero-short', golden: [pair] }
  }

  #numbers(cid: Cid, key: string): Float32Array {
    const value = decodeValue(readFileSync(this.#blobPath(cid)))
    const tensor = isValueMap(value) ? value[key] : undefined
    if (!(tensor instanceof Tensor)) throw new Error(`${key} is a tensor`)
    return new Float32Array(tensor.data.slice().buffer)
  }
}
