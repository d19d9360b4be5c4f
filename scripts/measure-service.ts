/**
 * Makes `sim/nodes/service-times.data.ts`: what a run of each built-in model takes on each backend that
 * this machine has, as quantiles. Run by hand on a machine like that of a donor; the result is committed.
 *
 *   node scripts/measure-service.ts "AMD EPYC, one core, Linux x64"
 *
 * Measured is the processor's time, on one thread, over the model's golden input: what else runs on the
 * machine is not in it. WebGPU is not measured: no adapter that a donor would have was at hand.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as ort from 'onnxruntime-web'
import { assert, decodeValue, isValueMap, type ValueMap } from '#contracts'
import { webRuntime } from '../browser-node/exec/ort-web.ts'
import {
  builtinModels,
  GOLDEN_FOLDER,
  packageFolder,
  type RegisteredModel
} from '../control/models/builtin.ts'
import { nodeRuntime } from '../mesh-node/exec/ort-node.ts'
import type { Runtime } from '../mesh-node/exec/runners/runtime.ts'
import { RUNNERS_BY_NAME } from '../mesh-node/exec/runners/table.ts'

const WARM_UP = 3
const RUNS = 60
/** A slow model is measured for so long and no longer. */
const MS_MAX = 20_000
const POINTS = 32
const MAX_TOKENS = 512

const [machine = ''] = process.argv.slice(2)
assert(machine.length > 0, 'the machine is named, for whoever reads the figures')

const dist = `file://${join(packageFolder('onnxruntime-web'), 'dist')}/`
const RUNTIMES: Readonly<Record<string, () => Runtime>> = {
  native: () => nodeRuntime({ provider: 'cpu', threads: 1 }),
  wasm: () => webRuntime(ort, { assets: dist, threads: 1, provider: 'wasm', brake: null })
}

function goldenInputs({ manifest }: RegisteredModel): ValueMap {
  const [golden] = manifest.golden
  assert(golden !== undefined, 'a built-in model has golden vectors')
  const value = decodeValue(
    new Uint8Array(readFileSync(join(GOLDEN_FOLDER, `${golden.inputs}.cbor`)))
  )
  assert(isValueMap(value), 'inputs are a map')
  return value
}

/** Microseconds of the processor's time, for each run. */
async function measured(model: RegisteredModel, name: string): Promise<readonly number[]> {
  const makeRuntime = RUNTIMES[name]
  assert(makeRuntime !== undefined, 'the backend is known')
  const files = Object.fromEntries(
    await Promise.all(
      Object.entries(model.files).map(async ([file, path]) => {
        const read = async (): Promise<Uint8Array> => new Uint8Array(await readFile(path))
        return [file, { source: name === 'native' ? path : await read(), read }] as const
      })
    )
  )
  const { manifest } = model
  const loaded = await RUNNERS_BY_NAME[manifest.runner].load(manifest, files, makeRuntime())
  const inputs = goldenInputs(model)
  const took: number[] = []
  const startMs = performance.now()
  for (let run = -WARM_UP; run < RUNS && performance.now() - startMs < MS_MAX; run++) {
    const before = process.cpuUsage()
    await loaded.run(inputs, { max_tokens: MAX_TOKENS })
    const { user, system } = process.cpuUsage(before)
    if (run >= 0) took.push(user + system)
  }
  await loaded.release()
  assert(took.length > POINTS / 2, 'there are enough runs for quantiles')
  return took.sort((a, b) => a - b)
}

const quantiles = (sorted: readonly number[]): readonly number[] =>
  Array.from({ length: POINTS }, (_, index) => {
    const at = Math.floor(((index + 0.5) / POINTS) * sorted.length)
    return Math.round(sorted[at] ?? 0)
  })

const tables: string[] = []
for (const model of builtinModels()) {
  const { name } = model.manifest
  const rows: string[] = []
  for (const backend of Object.keys(RUNTIMES)) {
    const table = quantiles(await measured(model, backend))
    console.log(name, backend, 'median', table[POINTS >> 1], 'us')
    rows.push(`    ${backend}: ${JSON.stringify(table)}`)
  }
  tables.push(`  '${name}': {\n${rows.join(',\n')}\n  }`)
}

const head = `/**
 * What a run of each built-in model takes, in microseconds of one core: ${POINTS} quantiles, measured on
 * ${machine}, Node ${process.version}, by \`scripts/measure-service.ts\`, which makes this file.
 */
`
const file = new URL('../sim/nodes/service-times.data.ts', import.meta.url)
writeFileSync(file, `${head}export const SERVICE_US = {\n${tables.join(',\n')}\n} as const\n`)
