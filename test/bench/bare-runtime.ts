/**
 * The rival of the mesh in inference: a process that loads one model and runs it over its share of the
 * inputs in a loop, on the same runtime, runner and settings as an executor, and nothing else.
 *
 * Started by `inference.bench.ts` with the model's name; takes {from, to} and answers with the time.
 */
import { readFile } from 'node:fs/promises'
import { builtinModels } from '../../control/models/builtin.ts'
import { nodeRuntime } from '../../mesh-node/exec/ort-node.ts'
import { RUNNERS_BY_NAME } from '../../mesh-node/exec/runners/table.ts'
import { lineOf } from './line-pictures.ts'

const [name] = process.argv.slice(2)
const model = builtinModels().find(({ manifest }) => manifest.name === name)
if (model === undefined) throw new Error(`no model ${name}`)
const { manifest } = model
const files = Object.fromEntries(
  Object.entries(model.files).map(([file, path]) => [
    file,
    { source: path, read: async () => new Uint8Array(await readFile(path)) }
  ])
)
const runtime = nodeRuntime({ provider: 'cpu', threads: 1 })
const loaded = await RUNNERS_BY_NAME[manifest.runner].load(manifest, files, runtime)

process.on('message', ({ from, to }: { readonly from: number; readonly to: number }) => {
  const lines = Array.from({ length: to - from }, (_, index) => lineOf(from + index))
  const run = async (): Promise<void> => {
    const before = process.cpuUsage()
    const startMs = performance.now()
    for (const line of lines) await loaded.run({ lines: line }, { max_tokens: 0 })
    const ms = performance.now() - startMs
    const { user, system } = process.cpuUsage(before)
    process.send?.({ ms, cpuMs: (user + system) / 1_000 })
  }
  run().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
process.once('disconnect', () => process.exit(0))
process.send?.('ready')
