/** `kora models list | add`: the models that graphs may name. */
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { type Exit, MeshError, readShape, type Tier, type Value, type ValueMap } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { ExecutorPool } from '#mesh-node/exec'
import { runHandler } from '../../handlers/index.ts'
import type { RegisteredModel } from '../../models/builtin.ts'
import { describeOnnx } from '../../models/describe-onnx.ts'
import { ModelRegistry } from '../../registry/model-registry.ts'
import { shortId } from '../render.ts'
import { checkReadable, readBounded } from './submission.ts'

export interface ModelsFlags {
  readonly data: string
  readonly json: boolean
}

export interface AddFlags extends ModelsFlags {
  readonly file: string
  readonly name?: string
  readonly licence: string
  readonly tier: Tier
  readonly golden?: string
}

/** Golden inputs may hold a page of numbers, not a data set. */
const GOLDEN_BYTES_MAX = 16 * 1024 * 1024

export async function modelsList(
  { data, json }: ModelsFlags,
  { io }: CommandContext
): Promise<Exit> {
  const registry = await ModelRegistry.open(join(data, 'models'))
  const rows = registry.list().map(rowOf)
  if (json) io.out(JSON.stringify({ models: rows }))
  else {
    const cells = rows.map((row) => [
      row.name,
      row.tier,
      row.runner,
      row.licence,
      row.bytes,
      row.golden,
      shortId(row.cid),
      row.source
    ])
    for (const line of table(
      ['name', 'tier', 'runner', 'licence', 'bytes', 'golden', 'cid', 'source'],
      cells
    ))
      io.out(line)
  }
  return 'ok'
}

export async function modelsAdd(flags: AddFlags, { io }: CommandContext): Promise<Exit> {
  const path = resolve(flags.file)
  checkReadable(path)
  const registry = await ModelRegistry.open(join(flags.data, 'models'))
  const engine = new ExecutorPool({ inputRoots: [dirname(path)], slots: 1 })
  try {
    const described = await describeOnnx({
      path,
      name: flags.name ?? basename(path, '.onnx'),
      licence: flags.licence,
      tier: flags.tier,
      engine,
      ...(flags.golden === undefined ? {} : { inputs: [goldenInputs(flags.golden)] })
    })
    const model = await registry.add(described)
    const row = rowOf(model)
    if (flags.json) io.out(JSON.stringify(row))
    else {
      io.out(`registered ${row.name} as ${row.cid}`)
      for (const port of row.inputs) io.out(`  input  ${port}`)
      for (const port of row.outputs) io.out(`  output ${port}`)
      io.out(`  ${row.golden} golden vectors`)
    }
    return 'ok'
  } finally {
    await engine.close()
  }
}

function rowOf({ manifest, cid }: RegisteredModel) {
  const port = ({ name, dtype, shape }: (typeof manifest.inputs)[number]): string =>
    `${name}: ${dtype}[${shape.map((size) => size ?? '?').join(', ')}]`
  return {
    name: manifest.name,
    cid,
    tier: manifest.tier,
    runner: manifest.runner,
    licence: manifest.licence,
    source: manifest.source,
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    golden: manifest.golden.length,
    inputs: manifest.inputs.map(port),
    outputs: manifest.outputs.map(port)
  }
}

const GoldenFile = z.record(z.string(), z.string())

/** `{"x": "x.npy"}`: paths of tensor files, relative to the file that names them. */
function goldenInputs(path: string): ValueMap {
  const text = new TextDecoder().decode(readBounded(path, GOLDEN_BYTES_MAX))
  const files = readShape(GoldenFile, parsed(text, path), 'input.malformed')
  const inputs: Record<string, Value> = {}
  for (const [name, file] of Object.entries(files)) {
    const bytes = readBounded(join(dirname(path), file), GOLDEN_BYTES_MAX)
    const loaded = runHandler('tensor.load', { file: bytes, format: formatOf(file) })
    inputs[name] = loaded
  }
  return inputs
}

const formatOf = (file: string): string => (file.endsWith('.json') ? 'json' : 'npy')

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MeshError('input.malformed', { file, reason: 'not JSON' }, { cause })
  }
}
