/**
 * What does it cost to encode, sign, open and decode one WorkUnit-sized message, and to batch them?
 *
 * Rivals in the same run: tweetnacl beside node:crypto, cborg (with the second encoding that
 * makes it strict) beside our CBOR, and 100 signatures beside one over a batch of 100.
 */

import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from 'cborg'
import { Bench } from 'tinybench'
import {
  assert,
  batchProver,
  cidOfBytes,
  decodeCanonical,
  encodeBatch,
  encodeCanonical,
  encodeItem,
  equalBytes,
  openBatch,
  openItem,
  openMessage,
  parseCid,
  signBatch,
  signMessage,
  tweetnaclSigner,
  tweetnaclVerifier,
  VERIFIED_MESSAGES_MAX
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { MESH, seed, TYP } from '../support/mesh-fixtures.ts'
import { isQuick, recordResult } from './report.ts'

const BATCH = 100
const bytesMax = 1_000_000
const cid = cidOfBytes(seed(1))
const unit = (index: number) => ({
  budget: { max_cost_micro: 1_000_000, max_time_ms: 30_000, max_tokens: 256 },
  constraints: { accelerators: [], privacy: 'allow_remote', trusted_node_required: false },
  critical: false,
  dependencies: [],
  graph_id: 'graph-1',
  idempotent: true,
  index,
  inputs: [{ cid, dtype: 'float32', name: 'audio', shape: [1, 80, 300] }],
  kind: 'small_model',
  model: { cid },
  priority: 'p2',
  retries: { backoff_ms: 500, max_attempts: 3 },
  task_id: 'transcribe',
  timeouts: { dispatch_ms: 5_000, run_ms: 30_000 },
  tolerance: 0.001
})
const document = unit(0)
const payload = encodeCanonical(document)
const native = nodeSigner(seed(1))
const portable = tweetnaclSigner(seed(1))
const message = signMessage({ typ: TYP, mesh: MESH, payload, signer: native })
const signature = native.sign(payload)
/** More than the verifier remembers, so that each is verified anew. */
const letters = Array.from({ length: VERIFIED_MESSAGES_MAX + 1 }, (_, index) => {
  const bytes = encodeCanonical(unit(index))
  return { bytes, signature: native.sign(bytes) }
})
let turn = 0
const nextLetter = (): (typeof letters)[number] => {
  const letter = letters[turn++ % letters.length]
  assert(letter !== undefined, 'there are letters')
  return letter
}
const options = { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax }
const items = Array.from({ length: BATCH }, (_, index) => encodeCanonical(unit(index)))
const batch = signBatch({ typ: TYP, mesh: MESH, items, signer: native })
const batchBytes = encodeBatch(batch)
const itemBytes = encodeItem(batchProver(batch)(BATCH / 2))

/** What a door built on cborg must do: its strict mode lets second spellings of floats through. */
function cborgStrict(bytes: Uint8Array): unknown {
  const value: unknown = cborgDecode(bytes, {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    rejectDuplicateMapKeys: true
  })
  assert(equalBytes(cborgEncode(value, rfc8949EncodeOptions), bytes), 'canonical')
  return value
}

interface Measured {
  readonly run: () => unknown
  /** The name of the entry it is compared with. */
  readonly rival?: string
  /** Units of work in one call. */
  readonly count?: number
}

const measured: Readonly<Record<string, Measured>> = {
  'encode, cborg': { run: () => cborgEncode(document, rfc8949EncodeOptions) },
  'encode, ours': { run: () => encodeCanonical(document), rival: 'encode, cborg' },
  'decode strictly, cborg': { run: () => cborgStrict(payload) },
  'decode strictly, ours': {
    run: () => decodeCanonical(payload, { bytesMax }),
    rival: 'decode strictly, cborg'
  },
  'content id': { run: () => cidOfBytes(payload) },
  'parse content id': { run: () => parseCid(cid) },
  'sign, tweetnacl': { run: () => portable.sign(payload) },
  'sign, node:crypto': { run: () => native.sign(payload), rival: 'sign, tweetnacl' },
  'verify, tweetnacl': {
    run: () => tweetnaclVerifier.verify(native.peerId, payload, signature)
  },
  'verify, node:crypto': {
    run: () => {
      const letter = nextLetter()
      nodeVerifier.verify(native.peerId, letter.bytes, letter.signature)
    },
    rival: 'verify, tweetnacl'
  },
  'sign a message': {
    run: () => signMessage({ typ: TYP, mesh: MESH, payload, signer: native }),
    rival: 'sign, node:crypto'
  },
  'open a message': { run: () => openMessage(message, options), rival: 'verify, node:crypto' },
  'encode and sign a batch, per item': {
    run: () => encodeBatch(signBatch({ typ: TYP, mesh: MESH, items, signer: native })),
    rival: 'sign a message',
    count: BATCH
  },
  'open a batch, per item': {
    run: () => openBatch(batchBytes, options),
    rival: 'open a message',
    count: BATCH
  },
  'prove every item of a batch, per item': {
    run: () => {
      const prove = batchProver(batch)
      return items.map((_, index) => prove(index))
    },
    count: BATCH
  },
  'open one item with its path': { run: () => openItem(itemBytes, options) }
}

const bench = new Bench(
  isQuick ? { time: 1, iterations: 2, warmup: false } : { time: 1_000, warmupTime: 200 }
)
for (const [name, { run }] of Object.entries(measured)) {
  bench.add(name, () => {
    run()
  })
}
await bench.run()

const perSecond = new Map<string, number>()
for (const task of bench.tasks) {
  const { result } = task
  assert('latency' in result, `${task.name} was measured`)
  const { count = 1 } = measured[task.name] ?? {}
  perSecond.set(task.name, (count * 1_000) / result.latency.p50)
}
for (const [name, value] of perSecond) {
  const rival = measured[name]?.rival
  const rivalValue = rival === undefined ? undefined : perSecond.get(rival)
  recordResult({
    bench: 'signing',
    name,
    value,
    unit: '1/s',
    ...(rival !== undefined && rivalValue !== undefined ? { rival, ratio: value / rivalValue } : {})
  })
}
recordResult({
  bench: 'signing',
  name: 'bytes of the envelope',
  value: message.length - payload.length,
  unit: 'B'
})
