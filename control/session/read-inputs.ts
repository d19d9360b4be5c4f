/** Turns the bytes of a submission's inputs into values, as the graph declares them. */
import { MeshError, type TaskGraph, type Value, type ValueMap } from '#contracts'
import { readJsonText } from '../graph/json-text.ts'

/** Files stay bytes; JSON is parsed. Throws `input.unknown` and `input.malformed`. */
export function readInputs(
  graph: TaskGraph,
  given: Readonly<Record<string, Uint8Array>>
): ValueMap {
  const inputs: Record<string, Value> = {}
  for (const [name, bytes] of Object.entries(given)) {
    const declared = Object.hasOwn(graph.inputs, name) ? graph.inputs[name] : undefined
    if (declared === undefined) throw new MeshError('input.unknown', { input: name.slice(0, 80) })
    inputs[name] = declared.kind === 'file' ? bytes : jsonInput(name, bytes)
  }
  return inputs
}

function jsonInput(name: string, bytes: Uint8Array): Value {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new MeshError('input.malformed', { input: name, reason: 'not UTF-8' }, { cause })
  }
  const { plain, issues } = readJsonText(text)
  if (issues.length > 0) throw new MeshError('input.malformed', { input: name }, { issues })
  return plain as Value
}
