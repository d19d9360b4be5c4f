/**
 * Outcomes of golden runs, kept by model, runtime version and device: a tab that is opened again need
 * not run them again. Holds no model and decides nothing.
 */
import {
  type Backend,
  type Cid,
  cidOfDocument,
  encodeManifest,
  type ModelManifest
} from '#contracts'
import type { Trial } from './engine.ts'

export type TrialOutcome = Pick<Trial, 'ok' | 'reason'>

/** Where outcomes are kept. What it has lost is tried again. */
export interface TrialRecord {
  read(key: string): Promise<TrialOutcome | undefined>
  write(key: string, outcome: TrialOutcome): Promise<void>
}

/** Manifests are immutable and are read once for many runs. */
const contentIds = new WeakMap<ModelManifest, Cid>()

/** The model, as it is named everywhere else. */
export function modelId(manifest: ModelManifest): Cid {
  const known = contentIds.get(manifest)
  if (known !== undefined) return known
  const id = cidOfDocument(encodeManifest(manifest))
  contentIds.set(manifest, id)
  return id
}

export function trialKey(manifest: ModelManifest, backend: Backend): string {
  const { runtime, version, provider, device_class: device } = backend
  return [modelId(manifest), runtime, version, provider, device].join(' ')
}
