/**
 * What model tests share: a folder that goes away, manifests for hand-made models, and requests.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cidOfBytes, type ModelManifest, Tensor, type Value } from '#contracts'
import type { ExecutionRequest, InputRef } from '#mesh-node/exec'

export const LIMITS = { run_ms: 20_000, memory_mb: 1_024, max_tokens: 256 } as const

export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'kora-models-'))

  write(name: string, bytes: Uint8Array): string {
    const path = join(this.path, name)
    writeFileSync(path, bytes)
    return path
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A manifest for the tensor runner; its ports are what the file says, which the runner reads. */
export function tensorManifest(name: string, bytes: Uint8Array): ModelManifest {
  return {
    version: 1,
    name,
    licence: 'Apache-2.0',
    source: 'test',
    runner: 'tensor',
    tier: 'small',
    files: [{ name: 'model.onnx', cid: cidOfBytes(bytes), bytes: bytes.length }],
    inputs: [],
    outputs: [],
    settings: {},
    golden: [],
    tolerances: {},
    cost: { base_us: 1, us_per_kib: 1 },
    memory_mb: 256
  }
}

export function valueInputs(inputs: Readonly<Record<string, Value>>): Record<string, InputRef> {
  const named: Record<string, InputRef> = {}
  for (const [name, value] of Object.entries(inputs)) named[name] = { kind: 'value', value }
  return named
}

/** A request for a hand-made model that lies in `folder`. */
export function tensorRequest(
  folder: ModelFolder,
  name: string,
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Value>>
): ExecutionRequest {
  const path = folder.write(`${name}.onnx`, bytes)
  const manifest = tensorManifest(name, bytes)
  return { manifest, files: { 'model.onnx': path }, inputs: valueInputs(inputs), limits: LIMITS }
}

export function floats(shape: readonly number[], ...numbers: number[]): Tensor {
  return new Tensor('float32', shape, new Uint8Array(Float32Array.from(numbers).buffer))
}

export function longs(...numbers: number[]): Tensor {
  const data = new Uint8Array(BigInt64Array.from(numbers, BigInt).buffer)
  return new Tensor('int64', [numbers.length], data)
}

/** The numbers of a float32 tensor. */
export function numbersOf(value: Value | undefined): number[] {
  if (!(value instanceof Tensor) || value.dtype !== 'float32') throw new Error('no float32 tensor')
  return [...new Float32Array(value.data.slice().buffer)]
}
