/** Reads what a command line submits: the graph's text and the inputs that it declares. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import {
  GRAPH_BYTES_MAX,
  INPUT_BYTES_MAX,
  MeshError,
  type TaskGraph,
  type ValueMap
} from '#contracts'
import { readGraph } from '../../graph/read-graph.ts'
import { readInputs } from '../../session/read-inputs.ts'
import type { InputFlags } from '../options.ts'

export interface ReadSubmission {
  readonly graphBytes: Uint8Array
  readonly graph: TaskGraph
  /** Bytes of files, or JSON text, by input name. */
  readonly inputBytes: Readonly<Record<string, Uint8Array>>
}

export function readSubmission(graphPath: string, flags: InputFlags): ReadSubmission {
  const graphBytes = readBounded(graphPath, GRAPH_BYTES_MAX)
  const graph = readGraph(graphBytes)
  const inputBytes: Record<string, Uint8Array> = {}
  for (const [name, given] of Object.entries(flags)) inputBytes[name] = inputOf(graph, name, given)
  return { graphBytes, graph, inputBytes }
}

export const inputsOf = ({ graph, inputBytes }: ReadSubmission): ValueMap =>
  readInputs(graph, inputBytes)

/** A JSON input may be written in place of a file's name. */
function inputOf(graph: TaskGraph, name: string, given: string): Uint8Array {
  const declared = Object.hasOwn(graph.inputs, name) ? graph.inputs[name] : undefined
  if (declared === undefined) {
    const known = Object.keys(graph.inputs).join(', ')
    throw new MeshError('input.unknown', { input: name.slice(0, 80), known })
  }
  if (declared.kind === 'json' && !existsSync(given)) return new TextEncoder().encode(given)
  return readBounded(given, INPUT_BYTES_MAX)
}

/** Refuses a path where no file is that this user may read. */
export function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('input.unreadable', { file: path, reason }, { cause })
  }
}

/** A file's bytes; its size is looked at first. */
export function readBounded(path: string, bytesMax: number): Uint8Array {
  let size: number
  try {
    size = statSync(path).size
    if (size <= bytesMax) return new Uint8Array(readFileSync(path))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('input.unreadable', { file: path, reason }, { cause })
  }
  throw new MeshError('contracts.too_large', { file: path, bytes: size, bytesMax })
}
