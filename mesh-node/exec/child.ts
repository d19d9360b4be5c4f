/**
 * The executor child: loads one model and runs it, one request at a time, on the parent's word. It
 * reads only what the parent's permission flags allow, and ends when the parent does.
 */
import { readFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { assert, assertNever, decodeValue, MeshError, Tensor, type Value } from '#contracts'
import { nodeRuntime } from './ort-node.ts'
import { type ChildReply, type ChildRequest, siblingUrl, type WireInput } from './protocol.ts'
import type { LoadedModel, ModelFile } from './runners/runner.ts'
import { encodeOutputs, progressReporter } from './runners/serving.ts'
import { RUNNERS_BY_NAME } from './runners/table.ts'

const watchdog = new Worker(siblingUrl('watchdog', import.meta.url), { workerData: process.ppid })
watchdog.unref()

let model: LoadedModel | undefined

const now = (): number => performance.now()

function reply(message: ChildReply): void {
  process.send?.(message)
}

async function readInput(name: string, path: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path)
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (error) {
    throw new MeshError('model.file_missing', { file: name }, { cause: error })
  }
}

async function openInput(name: string, input: WireInput): Promise<Value> {
  switch (input.kind) {
    case 'value':
      return decodeValue(input.bytes)
    case 'encoded':
      return decodeValue(await readInput(name, input.path))
    case 'tensor':
      return new Tensor(input.dtype, input.shape, await readInput(name, input.path))
    default:
      return assertNever(input)
  }
}

async function load(request: Extract<ChildRequest, { type: 'load' }>): Promise<ChildReply> {
  assert(model === undefined, 'a child loads one model')
  const runtime = nodeRuntime({ provider: request.provider, threads: request.threads })
  const files: Record<string, ModelFile> = {}
  for (const [name, path] of Object.entries(request.files)) {
    files[name] = { source: path, read: () => readInput(name, path) }
  }
  model = await RUNNERS_BY_NAME[request.manifest.runner].load(request.manifest, files, runtime)
  return { type: 'loaded' }
}

async function run(request: Extract<ChildRequest, { type: 'run' }>): Promise<ChildReply> {
  assert(model !== undefined, 'load comes before run')
  const startMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const inputs: Record<string, Value> = {}
  for (const [name, input] of Object.entries(request.inputs)) {
    inputs[name] = await openInput(name, input)
  }
  const limits = { max_tokens: request.max_tokens }
  const onProgress = progressReporter(request.progress, now, (share) => {
    reply({ type: 'progress', share })
  })
  const outcome = await model.run(inputs, limits, onProgress)
  const cpu = process.cpuUsage(cpuBefore)
  const outputs = encodeOutputs(outcome.outputs)
  return {
    type: 'done',
    outputs,
    usage: {
      cpu_ms: (cpu.user + cpu.system) / 1_000,
      wall_ms: Math.round((performance.now() - startMs) * 1_000) / 1_000,
      ...outcome.usage
    }
  }
}

async function describe(request: Extract<ChildRequest, { type: 'describe' }>): Promise<ChildReply> {
  const session = await nodeRuntime({ provider: request.provider, threads: 1 }).createSession(
    request.path
  )
  const signature = { inputs: session.inputs, outputs: session.outputs }
  await session.release()
  return { type: 'described', signature }
}

function handle(request: ChildRequest): Promise<ChildReply> {
  switch (request.type) {
    case 'load':
      return load(request)
    case 'run':
      watchdog.postMessage(request.memory_bytes_max)
      return run(request).finally(() => watchdog.postMessage(Number.POSITIVE_INFINITY))
    case 'describe':
      return describe(request)
    default:
      return assertNever(request)
  }
}

process.on('disconnect', () => process.exit(0))
/** The parent is our own code: its messages have the shape that both share. */
process.on('message', (request: ChildRequest) => {
  handle(request).then(reply, (error: unknown) => {
    if (error instanceof MeshError) reply({ type: 'fault', code: error.code, facts: error.facts })
    else reply({ type: 'bug', message: error instanceof Error ? `${error.stack}` : String(error) })
  })
})
