/**
 * The names of a session: what it runs, on what, and the id that follows from both. The same tenant,
 * request, graph and inputs are the same session, so a run that was cut off is found again.
 */
import {
  bytesToHex,
  type Cid,
  cidOfDocument,
  encodeCanonical,
  MeshError,
  parseSessionId,
  type SessionId,
  sha256,
  type TaskGraph,
  type Value,
  type ValueMap
} from '#contracts'
import { cidOfValue } from '../conductor/resolve.ts'

export interface SessionNames {
  readonly session: SessionId
  readonly traceId: string
  readonly requestId: string
  readonly graphCid: Cid
  readonly inputsCid: Cid
}

/** The inputs as the graph names them, defaults filled in; refuses missing and unknown ones. */
export function bindInputs(graph: TaskGraph, given: ValueMap): ValueMap {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(graph.inputs, name))
      throw new MeshError('graph.input_unknown', { input: name.slice(0, 80) })
  }
  const bound: Record<string, Value> = {}
  for (const [name, declared] of Object.entries(graph.inputs)) {
    const value = Object.hasOwn(given, name) ? given[name] : declared.default
    if (value === undefined) throw new MeshError('graph.input_missing', { input: name })
    bound[name] = value
  }
  return bound
}

/** `inputs` as bound; `requestId` where the graph names none. */
export function nameSession(graph: TaskGraph, inputs: ValueMap, requestId: string): SessionNames {
  const graphCid = cidOfDocument(encodeCanonical(graph))
  const cids = Object.entries(inputs).map(([name, value]) => [name, cidOfValue(value)])
  const inputsCid = cidOfDocument(encodeCanonical(Object.fromEntries(cids)))
  const request = graph.request_id ?? requestId
  const declared = graph.tasks.find(({ metadata }) => metadata.trace_id !== undefined)
  const traceId =
    declared?.metadata.trace_id ??
    digestOf('kora/trace/v1', [graph.tenant_id, request, graphCid, inputsCid])
  const session = parseSessionId(`s${digestOf('kora/session/v1', [traceId])}`)
  return { session, traceId, requestId: request, graphCid, inputsCid }
}

/** 32 hex digits. */
function digestOf(tag: string, parts: readonly string[]): string {
  return bytesToHex(sha256(encodeCanonical([tag, ...parts])).subarray(0, 16))
}
