/**
 * What an executor child and its parent say to each other over the fork channel. Values travel in
 * their canonical bytes: structured clone would turn a `Tensor` into a plain object.
 */
import type { ErrorCode, ErrorFacts, ModelManifest, Tensor } from '#contracts'
import type { Signature } from './engine.ts'

export type WireInput =
  | { readonly kind: 'value'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'tensor'
      readonly path: string
      readonly dtype: Tensor['dtype']
      readonly shape: readonly number[]
    }
  | { readonly kind: 'encoded'; readonly path: string }

export const PROVIDERS = ['cpu', 'webgpu', 'cuda'] as const
export type Provider = (typeof PROVIDERS)[number]

export type ChildRequest =
  | {
      readonly type: 'load'
      readonly manifest: ModelManifest
      readonly files: Readonly<Record<string, string>>
      readonly provider: Provider
      readonly threads: number
    }
  | {
      readonly type: 'run'
      readonly inputs: Readonly<Record<string, WireInput>>
      readonly max_tokens: number
      readonly memory_bytes_max: number
      readonly progress: boolean
    }
  | { readonly type: 'describe'; readonly path: string; readonly provider: Provider }

export interface ChildUsage {
  readonly cpu_ms: number
  readonly wall_ms: number
  readonly tokens_in: number
  readonly tokens_out: number
}

export type ChildReply =
  | { readonly type: 'loaded' }
  | { readonly type: 'done'; readonly outputs: Uint8Array; readonly usage: ChildUsage }
  | { readonly type: 'described'; readonly signature: Signature }
  | { readonly type: 'progress'; readonly share: number }
  | { readonly type: 'fault'; readonly code: ErrorCode; readonly facts: ErrorFacts }
  /** Our own mistake inside the child; the child ends after it. */
  | { readonly type: 'bug'; readonly message: string }

/** Written to stderr by the child's own memory guard right before it ends itself. */
export const MEMORY_MARK = 'executor-memory-exceeded'

/** How a file beside this one is named: sources are .ts, a built package has .js. */
export function siblingUrl(name: string, moduleUrl: string): URL {
  const extension = moduleUrl.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`./${name}${extension}`, moduleUrl)
}
