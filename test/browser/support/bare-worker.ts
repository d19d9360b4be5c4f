/**
 * The rival of a tab's engine: a worker that loads one model and runs it in a loop, on the same build
 * of the runtime, with the same runner, and nothing else.
 */
import * as ort from 'onnxruntime-web/wasm'
import { decodeValue, isValueMap, type ModelManifest } from '#contracts'
import { type ModelFile, RUNNERS_BY_NAME, runtimeOf } from '#mesh-node/runners'

export interface BareOrder {
  readonly manifest: ModelManifest
  readonly origin: string
  readonly runtime: string
  readonly inputs: string
  readonly runs: number
}

async function bytesAt(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer())
}

async function load({ manifest, origin, runtime }: BareOrder) {
  ort.env.wasm.wasmPaths = runtime
  ort.env.wasm.numThreads = 1
  const options = { executionProviders: ['wasm'], graphOptimizationLevel: 'all' } as const
  const bare = runtimeOf({
    create: (source) => {
      if (typeof source === 'string') throw new Error('bytes are given')
      return ort.InferenceSession.create(source, options)
    },
    tensor: (type, data, dims) => Reflect.construct(ort.Tensor, [type, data, dims])
  })
  const files: Record<string, ModelFile> = {}
  for (const { name, cid } of manifest.files) {
    const bytes = await bytesAt(`${origin}/blob/${cid}`)
    files[name] = { source: bytes, read: () => Promise.resolve(bytes) }
  }
  return RUNNERS_BY_NAME[manifest.runner].load(manifest, files, bare)
}

let loaded: ReturnType<typeof load> | undefined

async function loop(order: BareOrder): Promise<number> {
  loaded ??= load(order)
  const model = await loaded
  const inputs = decodeValue(await bytesAt(order.inputs))
  if (!isValueMap(inputs)) throw new Error('inputs are a map')
  await model.run(inputs, { max_tokens: 512 })
  const startMs = performance.now()
  for (let run = 0; run < order.runs; run++) await model.run(inputs, { max_tokens: 512 })
  return performance.now() - startMs
}

addEventListener('message', ({ data }: MessageEvent<BareOrder>) => {
  loop(data).then(
    (ms) => postMessage({ ms }),
    (error: unknown) => postMessage({ fault: String(error) })
  )
})
