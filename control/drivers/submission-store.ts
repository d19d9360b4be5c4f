/**
 * Keeps what a session was asked to do, by content id, so that it can go on after a crash and be
 * replayed later. The ids are those that the ledger's `session.opened` names.
 */

import { z } from 'zod'
import {
  type Cid,
  cidOfDocument,
  decodeCanonical,
  decodeValue,
  encodeCanonical,
  encodeValue,
  MeshError,
  parseCid,
  readShape,
  TaskGraph,
  type Value,
  type ValueMap
} from '#contracts'
import type { BlobStore } from '#mesh-node/store'

/** A graph read and with its defaults filled in may be larger than its text. */
const GRAPH_DOCUMENT_BYTES_MAX = 64 * 1024 * 1024
const INPUTS_DOCUMENT_BYTES_MAX = 1024 * 1024

const InputCids = z.record(z.string(), z.string())

/** Stores graph, inputs and the map of their ids; resolves when all of it is on disk. */
export async function keepSubmission(
  blobs: BlobStore,
  graph: TaskGraph,
  inputs: ValueMap
): Promise<void> {
  await keepDocument(blobs, graph)
  const cids: Record<string, string> = {}
  for (const [name, value] of Object.entries(inputs))
    cids[name] = await blobs.put(encodeValue(value))
  await keepDocument(blobs, cids)
}

export interface Submitted {
  readonly graph: TaskGraph
  readonly inputs: ValueMap
}

/** The submission that these ids name; throws `blob.not_found` where a part is gone. */
export async function loadSubmission(
  blobs: BlobStore,
  { graphCid, inputsCid }: { graphCid: Cid; inputsCid: Cid }
): Promise<Submitted> {
  const graphBytes = await bytesOf(blobs, graphCid)
  const graph = readShape(
    TaskGraph,
    decodeCanonical(graphBytes, { bytesMax: GRAPH_DOCUMENT_BYTES_MAX }),
    'graph.invalid'
  )
  const cidBytes = await bytesOf(blobs, inputsCid)
  const cids = readShape(
    InputCids,
    decodeCanonical(cidBytes, { bytesMax: INPUTS_DOCUMENT_BYTES_MAX }),
    'graph.invalid'
  )
  const inputs: Record<string, Value> = {}
  for (const [name, cid] of Object.entries(cids)) {
    inputs[name] = decodeValue(await bytesOf(blobs, parseCid(cid)))
  }
  return { graph, inputs }
}

async function keepDocument(blobs: BlobStore, document: unknown): Promise<void> {
  const bytes = encodeCanonical(document)
  await blobs.put(bytes, cidOfDocument(bytes))
}

async function bytesOf(blobs: BlobStore, cid: Cid): Promise<Uint8Array> {
  const bytes = await blobs.get(cid)
  if (bytes === null) throw new MeshError('blob.not_found', { cid })
  return bytes
}
