/**
 * What a runner is: it turns a model's files into a function from inputs to outputs. It checks its
 * inputs before the runtime sees them and gives values that JSON Schema can judge. It knows nothing
 * of processes, time limits or the mesh.
 */
import { MeshError, type ModelManifest, Tensor, type Value, type ValueMap } from '#contracts'
import type { Runtime } from './runtime.ts'

/** One file of a model: what a session is made from, and its bytes for those that are no model. */
export interface ModelFile {
  readonly source: string | Uint8Array
  readonly read: () => Promise<Uint8Array>
}
export type ModelFiles = Readonly<Record<string, ModelFile>>

export interface RunLimits {
  /** Tokens that the model may produce; runners without tokens ignore it. */
  readonly max_tokens: number
}

export interface RunOutcome {
  readonly outputs: ValueMap
  readonly usage: { readonly tokens_in: number; readonly tokens_out: number }
}

/** A share of the work done, from 0 to 1. */
export type OnProgress = (share: number) => void

export interface LoadedModel {
  run(inputs: ValueMap, limits: RunLimits, onProgress?: OnProgress): Promise<RunOutcome>
  release(): Promise<void>
}

export interface Runner {
  load(manifest: ModelManifest, files: ModelFiles, runtime: Runtime): Promise<LoadedModel>
}

/** No tokens: what every model but a language model uses. */
export const NO_TOKENS = { tokens_in: 0, tokens_out: 0 } as const

/** The file of that name; the manifest promised it. */
export function modelFile(files: ModelFiles, name: string): ModelFile {
  const file = Object.hasOwn(files, name) ? files[name] : undefined
  if (file === undefined) throw new MeshError('model.file_missing', { file: name })
  return file
}

/** Refuses inputs that the model does not name, and names the first that is missing. */
export function checkInputNames(inputs: ValueMap, names: readonly string[]): void {
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) {
      throw new MeshError('model.input_unknown', {
        input: name.slice(0, 80),
        known: names.join(', ').slice(0, 200)
      })
    }
  }
  for (const name of names) {
    if (!Object.hasOwn(inputs, name)) throw new MeshError('model.input_missing', { input: name })
  }
}

/** A number setting of the manifest, or what the runner was made for. */
export function setting(manifest: ModelManifest, name: string, fallback: number): number {
  const value = manifest.settings[name]
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new MeshError('model.unsupported', { setting: name, value: String(value).slice(0, 80) })
}

/** Checks element type and shape against what is expected; null takes any size. */
export function checkTensor(
  input: string,
  value: Value | undefined,
  dtype: Tensor['dtype'],
  shape: readonly (number | null)[]
): Tensor {
  if (!(value instanceof Tensor)) {
    throw new MeshError('model.input_invalid', { input, expected: `a tensor of ${dtype}` })
  }
  if (value.dtype !== dtype) {
    throw new MeshError('model.wrong_dtype', { input, dtype: value.dtype, expected: dtype })
  }
  const fits =
    value.shape.length === shape.length &&
    shape.every((size, axis) => size === null || size === value.shape[axis])
  if (!fits) {
    throw new MeshError('model.wrong_shape', {
      input,
      shape: value.shape.join('x'),
      expected: shape.map((size) => size ?? '?').join('x')
    })
  }
  return value
}
