/** What a stranger may send at each door, and the typed code with which it is refused. */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import {
  ANNOUNCEMENT_TYP,
  ATTESTATION_BYTES_MAX,
  BATCH_ITEMS_MAX,
  decodeAttestation,
  decodeManifest,
  decodeValue,
  type ErrorCode,
  encodeAttestation,
  encodeCanonical,
  encodeValue,
  FRAME_BYTES_MAX,
  FRAMES,
  type Frame,
  type FrameKind,
  GENESIS_TYP,
  GOSSIP_BYTES_MAX,
  LEDGER_ENTRY_BYTES_MAX,
  LEDGER_HEAD_TYP,
  MESSAGE_ITEMS_MAX,
  MeshError,
  type MeshId,
  NO_PREVIOUS,
  openAnnouncement,
  openEntry,
  openFrame,
  openGenesis,
  openHead,
  openReceipt,
  openResults,
  openUnit,
  peekMessage,
  type Receipt,
  readEntry,
  type Signer,
  sealAnnouncement,
  sealFrame,
  signGenesis,
  signHead,
  signMessage,
  signResults,
  WORK_UNIT_BYTES_MAX
} from '#contracts'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  ATTESTATIONS,
  attestationItems,
  ENTRIES,
  GENESES,
  GENESIS,
  gateway,
  INCARNATION,
  LOG,
  MANIFESTS,
  node,
  operator,
  PLACE,
  RESULTS,
  receiptAt,
  UNITS
} from '../support/document-fixtures.ts'
import { ANNOUNCEMENTS, FRAME_BODIES, frames } from '../support/frame-fixtures.ts'
import {
  type HostileOptions,
  hostileDocuments,
  slim,
  withKey
} from '../support/hostile-documents.ts'
import { MESH, OTHER_MESH, seed, withCode } from '../support/mesh-fixtures.ts'

const verifier = nodeVerifier
const fromNode = { mesh: MESH, verifier, from: node.peerId }
const opening = { mesh: MESH, verifier }
const seal = (frame: Frame, signer: Signer = node) => sealFrame(frame, { mesh: MESH, signer })
const heartbeat = seal({ kind: 'heartbeat', body: heartbeatBody() })

function heartbeatBody() {
  return { v: 1, seq: 1, health: 'healthy', running: 0, queued: 0, free_memory_mb: 9 } as const
}

interface Forgery {
  readonly typ: string
  readonly payload: Uint8Array
  readonly mesh?: MeshId | null
  readonly signer?: Signer
}
/** A rightly signed message with whatever payload. */
const forged = ({ typ, payload, mesh = MESH, signer = node }: Forgery): Uint8Array =>
  signMessage({ typ, payload, mesh, signer })
const framed = (byte: number, message: Uint8Array): Uint8Array => Uint8Array.of(byte, ...message)
const forgedFrame = (kind: FrameKind, document: unknown): Uint8Array =>
  framed(FRAMES[kind].byte, forged({ typ: FRAMES[kind].typ, payload: encodeCanonical(document) }))

/** Refused with this code, and the bytes are as they were. */
function refuses(raw: Uint8Array, open: (raw: Uint8Array) => unknown, code: ErrorCode): void {
  const before = Uint8Array.from(raw)
  throws(() => open(raw), withCode(code))
  deepEqual(raw, before)
}
const refusesFrame = (raw: Uint8Array, code: ErrorCode): void =>
  refuses(raw, (bytes) => openFrame(bytes, fromNode), code)

function flipped(raw: Uint8Array, index: number, bit = 0): Uint8Array {
  const copy = Uint8Array.from(raw)
  copy[index] = (copy[index] ?? 0) ^ (1 << bit)
  return copy
}

describe('a hostile frame', () => {
  it('is refused with any of its bytes changed: signature and payload by signature', () => {
    const payload = encodeCanonical(heartbeatBody())
    const payloadStart = Buffer.from(heartbeat).indexOf(payload)
    ok(payloadStart > 0)
    for (let index = 0; index < heartbeat.length; index++) {
      const raw = flipped(heartbeat, index, index % 8)
      const inSignature = index >= heartbeat.length - 64
      const inPayload = index >= payloadStart && index < payloadStart + payload.length
      if (inSignature || inPayload) refusesFrame(raw, 'contracts.signature_invalid')
      else throws(() => openFrame(raw, fromNode), MeshError)
    }
  })

  it('is refused under every other kind byte, known or unknown', () => {
    for (let byte = 0; byte < 256; byte++) {
      if (byte === FRAMES.heartbeat.byte) continue
      const known = Object.values(FRAMES).some((entry) => entry.byte === byte)
      const raw = framed(byte, heartbeat.subarray(1))
      refusesFrame(raw, known ? 'contracts.typ_mismatch' : 'wire.kind_unknown')
    }
  })

  it("is refused where a claim's bytes come signed as a grant, and the other way round", () => {
    const claim = FRAME_BODIES.claim['full']
    const grant = FRAME_BODIES.grant['full']
    refusesFrame(forgedFrame('grant', claim), 'wire.message_malformed')
    refusesFrame(forgedFrame('claim', grant), 'wire.message_malformed')
  })

  it('is refused for another mesh, from another peer, and signed by neither end', () => {
    refuses(
      heartbeat,
      (raw) => openFrame(raw, { ...fromNode, mesh: OTHER_MESH }),
      'contracts.signature_invalid'
    )
    refuses(
      heartbeat,
      (raw) => openFrame(raw, { ...fromNode, from: gateway.peerId }),
      'contracts.signature_invalid'
    )
    refusesFrame(
      seal({ kind: 'heartbeat', body: heartbeatBody() }, operator),
      'contracts.signature_invalid'
    )
  })

  it('is refused empty, cut anywhere, with more behind it, and over its size', () => {
    refusesFrame(new Uint8Array(0), 'wire.kind_unknown')
    for (let length = 1; length < heartbeat.length; length++) {
      refusesFrame(heartbeat.subarray(0, length), 'contracts.message_malformed')
    }
    refusesFrame(Uint8Array.of(...heartbeat, 0), 'contracts.message_malformed')
    refusesFrame(new Uint8Array(FRAME_BYTES_MAX + 1).fill(12), 'contracts.too_large')
  })

  it('is refused when its payload is no canonical CBOR', () => {
    const { byte, typ } = FRAMES.reveal
    const cases: Readonly<Record<string, ErrorCode>> = {
      // {"v": 1 (two bytes)}; "leases" before "v"; {"v": 1, "v": 1}
      a161761801: 'contracts.cbor_not_canonical',
      a2666c656173657380617601: 'contracts.cbor_not_canonical',
      a2617601617601: 'contracts.cbor_not_canonical',
      bf617601ff: 'contracts.cbor_malformed',
      a1f601: 'contracts.cbor_malformed',
      a10101: 'contracts.cbor_malformed',
      '': 'contracts.cbor_malformed',
      a1617601f6: 'contracts.cbor_malformed',
      c1a1617601: 'contracts.cbor_malformed',
      a16176f93c00: 'contracts.cbor_not_canonical'
    }
    for (const [hex, code] of Object.entries(cases)) {
      const payload = Uint8Array.from(Buffer.from(hex, 'hex'))
      refusesFrame(framed(byte, forged({ typ, payload })), code)
    }
  })

  it('names a node other than its signer: a hello is refused', () => {
    const body = { ...FRAME_BODIES.hello['full'], node: gateway.peerId }
    refusesFrame(forgedFrame('hello', body), 'wire.signer_mismatch')
  })

  it('is not even made beyond the size that is taken', () => {
    const blobs = Array.from({ length: 300 }, () => new Uint8Array(16_000))
    const { leases } = FRAME_BODIES.grant['full'] ?? { leases: [] }
    throws(
      () => seal({ kind: 'grant', body: { v: 1, leases, blobs } }),
      withCode('contracts.too_large')
    )
  })
})

const LISTS_MAY_BE_EMPTY = [
  'holding',
  'models',
  'standing',
  'kinds',
  'blobs',
  'outputs',
  'addresses',
  'units',
  'descriptor/kinds',
  'descriptor/pod_tiers',
  'descriptor/zones',
  'descriptor/accelerators',
  'failures/*/detail'
]

/** Every hostile variant of a good document is refused with the code of its door. */
function refusesVariants(
  document: unknown,
  options: HostileOptions,
  { code, open }: { code: ErrorCode; open: (document: unknown) => unknown }
): void {
  open(document)
  const variants = hostileDocuments(document, options)
  ok(variants.length > 10)
  for (const { name, document: hostile } of variants) {
    throws(() => open(hostile), withCode(code), name)
  }
}

describe('a rightly signed message of the wrong shape', () => {
  for (const { name, frame } of frames()) {
    it(`is refused as ${name}`, () => {
      const options = { itemsTooMany: MESSAGE_ITEMS_MAX + 1, mayBeEmpty: LISTS_MAY_BE_EMPTY }
      refusesVariants(slim(frame.body), options, {
        code: 'wire.message_malformed',
        open: (document) => openFrame(forgedFrame(frame.kind, document), fromNode)
      })
    })
  }

  for (const [variant, body] of Object.entries(ANNOUNCEMENTS)) {
    it(`is refused as an announcement, ${variant}`, () => {
      const options = { itemsTooMany: 65, longLists: ['units'], mayBeEmpty: LISTS_MAY_BE_EMPTY }
      refusesVariants(slim(body), options, {
        code: 'wire.message_malformed',
        open: (document) =>
          openAnnouncement(
            forged({
              typ: ANNOUNCEMENT_TYP,
              payload: encodeCanonical(document),
              signer: gateway
            }),
            opening
          )
      })
    })
  }

  it('is refused as an announcement of more units than a batch holds', () => {
    const units = Array(BATCH_ITEMS_MAX + 1).fill(new Uint8Array(0))
    const payload = encodeCanonical({ ...ANNOUNCEMENTS.inline, units })
    refuses(
      forged({ typ: ANNOUNCEMENT_TYP, payload, signer: gateway }),
      (raw) => openAnnouncement(raw, opening),
      'wire.message_malformed'
    )
  })

  it('is refused as a genesis', () => {
    const options = {
      itemsTooMany: 10_001,
      records: ['prices/compute_micro_per_s', 'zones'],
      mayBeEmpty: ['witnesses', 'tenants', 'zones/trusted', 'zones/empty']
    }
    const open = (document: unknown) =>
      openGenesis(
        forged({
          typ: GENESIS_TYP,
          payload: encodeCanonical(document),
          mesh: null,
          signer: operator
        }),
        verifier
      )
    // Lists that long exceed the size of a genesis before they exceed their number.
    const { witnesses, tenants, zones, ...rest } = GENESES.full
    refusesVariants({ ...rest, witnesses: [], tenants: [], zones: { trusted: [] } }, options, {
      code: 'genesis.malformed',
      open
    })
    const many = Array(65).fill(node.peerId)
    throws(() => open({ ...GENESES.full, witnesses: many }), withCode('genesis.malformed'))
    ok(witnesses.length > 0 && tenants.length > 0 && zones['trusted'] !== undefined)
  })

  it('is refused as a ledger head', () => {
    const head = { v: 1, log: LOG, incarnation: INCARNATION, seq: 3, hash: seed(1) }
    const open = (document: unknown) =>
      openHead(
        forged({ typ: LEDGER_HEAD_TYP, payload: encodeCanonical(document), signer: gateway }),
        opening
      )
    refusesVariants(
      head,
      { itemsTooMany: 2 },
      // A text beyond the size of a head is refused for its size.
      {
        code: 'ledger.head_malformed',
        open: (document) => open(shortened(document))
      }
    )
    throws(
      () => open({ ...head, incarnation: seed(2) }),
      withCode('ledger.head_malformed'),
      'another incarnation is another log'
    )
    throws(() => open({ ...head, hash: new Uint8Array(31) }), withCode('ledger.head_malformed'))
  })
})

/** Texts cut to 200 characters, so that a shape is at fault and not the size. */
function shortened(document: unknown): unknown {
  return typeof document !== 'object' || document === null || Array.isArray(document)
    ? document
    : Object.fromEntries(
        Object.entries(document).map(([key, value]: [string, unknown]) => [
          key,
          typeof value === 'string' ? value.slice(0, 200) : value
        ])
      )
}

describe('a document of the wrong shape', () => {
  for (const [variant, unit] of Object.entries(UNITS)) {
    it(`is refused as a work unit, ${variant}`, () => {
      const options = {
        itemsTooMany: 65,
        optional: ['verification/agreement/cosine_min'],
        fractions: ['rtol', 'atol', 'cosine_min'].map((name) => `verification/agreement/${name}`),
        mayBeEmpty: ['dependencies', 'inputs', 'inputs/*/shape', 'constraints/accelerators'],
        free: ['output_schema', 'dependencies']
      }
      refusesVariants({ ...unit, inputs: unit.inputs.slice(0, 1) }, options, {
        code: 'unit.malformed',
        open: (document) => openUnit(encodeCanonical(document))
      })
    })
  }

  it('is refused as a work unit whose schema hides a key __proto__ at any depth', () => {
    const open = (output_schema: unknown) =>
      openUnit(encodeCanonical({ ...UNITS.full, output_schema }))
    const hidden = withKey({ type: 'object' }, '__proto__', { required: ['text'] })
    for (const schema of [hidden, { properties: hidden }, { anyOf: [{ not: hidden }] }]) {
      throws(() => open(schema), withCode('unit.malformed'))
    }
    for (const schema of [{ maximum: Number.NaN }, { default: seed(1) }, { const: 2n ** 60n }, 1]) {
      throws(() => open(schema), withCode('unit.malformed'))
    }
  })

  for (const [variant, manifest] of Object.entries(MANIFESTS)) {
    it(`is refused as a model manifest, ${variant}`, () => {
      const options = {
        itemsTooMany: 65,
        records: ['settings', 'tolerances'],
        nullItems: ['inputs/*/shape', 'outputs/*/shape'],
        fractions: ['tolerances/webgpu/rtol', 'tolerances/webgpu/atol'],
        mayBeEmpty: ['inputs', 'outputs', 'golden', 'inputs/*/shape', 'outputs/*/shape'],
        free: ['settings/language', 'settings/beam', 'settings/threshold', 'settings/timestamps']
      }
      refusesVariants({ ...manifest, files: manifest.files.slice(0, 1) }, options, {
        code: 'model.manifest_malformed',
        open: (document) => decodeManifest(encodeCanonical(document))
      })
    })
  }

  for (const [variant, attestation] of Object.entries(ATTESTATIONS)) {
    it(`is refused as an attestation, ${variant}`, () => {
      const options = {
        itemsTooMany: 65,
        optional: ['commit', 'output_fingerprint'],
        fractions: ['cpu_ms', 'gpu_ms', 'wall_ms'].map((name) => `usage/${name}`),
        mayBeEmpty: ['input_cids'],
        free: ['input_cids']
      }
      refusesVariants(attestation, options, {
        code: 'attestation.malformed',
        open: (document) => decodeAttestation(encodeCanonical(trimmed(document)))
      })
    })
  }

  for (const [kind, bodies] of Object.entries(ENTRIES)) {
    it(`is refused as an entry ${kind}`, () => {
      const [body] = Object.values(bodies)
      const entry = { v: 1, ...PLACE, kind, body }
      const options = {
        itemsTooMany: MESSAGE_ITEMS_MAX + 1,
        mayBeEmpty: [
          'body/receipts',
          'body/verdicts',
          'body/receipts/*/path',
          'body/items/*/receipt/path'
        ]
      }
      refusesVariants(slim(entry), options, {
        code: 'ledger.entry_malformed',
        open: (document) => openEntry(encodeCanonical(document))
      })
    })
  }

  it('is refused as an entry of a kind that nobody knows, and kept as refused where asked', () => {
    for (const kind of ['units.forged', '__proto__', 'constructor', 'toString']) {
      const raw = encodeCanonical({ v: 1, ...PLACE, kind, body: {} })
      throws(() => openEntry(raw), withCode('ledger.entry_malformed'))
      deepEqual(readEntry(raw).kind, 'refused')
    }
    const noBody = encodeCanonical({ v: 1, ...PLACE, kind: 'tenant.admitted' })
    throws(() => openEntry(noBody), withCode('ledger.entry_malformed'))
    const short = { ...PLACE, prev: NO_PREVIOUS.subarray(1) }
    const raw = encodeCanonical({ v: 1, ...short, kind: 'units.forged', body: {} })
    throws(() => readEntry(raw), withCode('ledger.entry_malformed'))
  })

  it('is refused as a value', () => {
    const plain: readonly (readonly [unknown, ErrorCode])[] = [
      [{ $tensor: 'float32', data: seed(1), shape: [7] }, 'contracts.tensor_malformed'],
      [{ $tensor: 'float31', data: seed(1), shape: [8] }, 'contracts.tensor_malformed'],
      [{ $tensor: 'float32', data: 'x', shape: [8] }, 'contracts.tensor_malformed'],
      [{ $tensor: 'float32', data: seed(1), shape: ['8'] }, 'contracts.tensor_malformed'],
      [{ $tensor: 'float32', data: seed(1), shape: [-8] }, 'contracts.tensor_malformed'],
      [
        { $tensor: 'float32', data: seed(1), shape: [2 ** 40, 2 ** 40] },
        'contracts.tensor_malformed'
      ],
      [
        { $tensor: 'float32', data: seed(1), shape: Array(17).fill(1) },
        'contracts.tensor_malformed'
      ],
      [{ $tensor: 'float32', data: seed(1) }, 'contracts.tensor_malformed'],
      [{ $tensor: 'float32', data: seed(1), shape: [8], more: 1 }, 'contracts.tensor_malformed'],
      [{ $tensor: '__proto__', data: seed(1), shape: [8] }, 'contracts.tensor_malformed'],
      [nested(70), 'contracts.value_malformed'],
      [nested(126), 'contracts.value_malformed']
    ]
    for (const [document, code] of plain) {
      refuses(encodeCanonical(document), decodeValue, code)
    }
    refuses(Uint8Array.of(0xf7), decodeValue, 'contracts.cbor_malformed')
    deepEqual(decodeValue(encodeValue({ a: [1, null, seed(1)] })), { a: [1, null, seed(1)] })
  })

  it('is refused for its size before it is read', () => {
    const zeros = (count: number) => new Uint8Array(count)
    refuses(zeros(WORK_UNIT_BYTES_MAX + 1), openUnit, 'contracts.too_large')
    refuses(zeros(ATTESTATION_BYTES_MAX + 1), decodeAttestation, 'contracts.too_large')
    refuses(zeros(LEDGER_ENTRY_BYTES_MAX + 1), openEntry, 'contracts.too_large')
    refuses(zeros(64 * 1024 + 1), decodeManifest, 'contracts.too_large')
    refuses(zeros(64 * 1024 + 1), (raw) => openGenesis(raw, verifier), 'contracts.too_large')
    refuses(zeros(1_025), (raw) => openHead(raw, opening), 'contracts.too_large')
    refuses(
      zeros(GOSSIP_BYTES_MAX + 1),
      (raw) => openAnnouncement(raw, opening),
      'contracts.too_large'
    )
  })
})

/** An attestation's texts cut, so that a shape is at fault and not the size. */
function trimmed(document: unknown): unknown {
  if (typeof document === 'string') return document.slice(0, 200)
  if (document instanceof Uint8Array || typeof document !== 'object' || document === null) {
    return document
  }
  if (Array.isArray(document)) return document.map(trimmed)
  return Object.entries(document).reduce<object>(
    (map, [key, value]: [string, unknown]) => withKey(map, key, trimmed(value)),
    {}
  )
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

describe('a signed document', () => {
  const announcement = sealAnnouncement(ANNOUNCEMENTS.inline, { mesh: MESH, signer: gateway })
  const head = signHead(
    { incarnation: INCARNATION, seq: 3, hash: seed(1) },
    { mesh: MESH, signer: gateway }
  ).bytes

  it('is refused for another mesh', () => {
    const other = { mesh: OTHER_MESH, verifier }
    refuses(announcement, (raw) => openAnnouncement(raw, other), 'contracts.signature_invalid')
    refuses(head, (raw) => openHead(raw, other), 'contracts.signature_invalid')
    throws(() => openReceipt(receiptAt(0), other), withCode('contracts.signature_invalid'))
    refuses(GENESIS.bytes, (raw) => openGenesis(raw, verifier, OTHER_MESH), 'genesis.other_mesh')
  })

  it('is refused as a document of another typ', () => {
    const claim = forged({ typ: FRAMES.claim.typ, payload: encodeCanonical(null) })
    refuses(claim, (raw) => openHead(raw, opening), 'contracts.typ_mismatch')
    refuses(head, (raw) => openAnnouncement(raw, opening), 'contracts.typ_mismatch')
    refuses(head, (raw) => openGenesis(raw, verifier), 'contracts.typ_mismatch')
    equal(peekMessage(head, { bytesMax: 1_024 }).typ, LEDGER_HEAD_TYP)
  })

  it('is refused when it names another signer', () => {
    const payload = encodeCanonical(ANNOUNCEMENTS.inline)
    const foreign = forged({ typ: ANNOUNCEMENT_TYP, payload, signer: node })
    refuses(foreign, (raw) => openAnnouncement(raw, opening), 'wire.signer_mismatch')
    const { bytes } = signGenesis(GENESES.full, node)
    refuses(bytes, (raw) => openGenesis(raw, verifier), 'genesis.signer_mismatch')
  })
})

describe('a batch of attestations', () => {
  const other = signResults(attestationItems().toReversed(), { mesh: MESH, signer: node })
  const open = (head: Uint8Array, attestations: readonly Uint8Array[]) =>
    openResults({ head, attestations: [...attestations] }, opening)

  it('is refused under the head of another batch', () => {
    throws(() => open(other.head, RESULTS.items), withCode('contracts.signature_invalid'))
    const receipt = { ...receiptAt(0), head: other.head }
    throws(() => openReceipt(receipt, opening), withCode('contracts.signature_invalid'))
  })

  it('is refused with one item fewer or more than its head says', () => {
    for (const items of [RESULTS.items.slice(1), [...RESULTS.items, ...RESULTS.items]]) {
      throws(() => open(RESULTS.head, items), withCode('contracts.message_malformed'))
    }
  })

  it('is refused where an attestation names another node than the signer', () => {
    const stolen = encodeAttestation({ ...ATTESTATIONS.full, node: gateway.peerId })
    const batch = signResults([stolen], { mesh: MESH, signer: node })
    throws(() => open(batch.head, batch.items), withCode('attestation.signer_mismatch'))
    const receipt = { head: batch.head, item: stolen, index: 0, path: [] }
    throws(() => openReceipt(receipt, opening), withCode('attestation.signer_mismatch'))
  })

  it('is refused where an item is no attestation, though rightly signed', () => {
    for (const item of [encodeCanonical({ v: 1 }), encodeCanonical(null)]) {
      const batch = signResults([item], { mesh: MESH, signer: node })
      throws(() => open(batch.head, batch.items), withCode('attestation.malformed'))
    }
    const batch = signResults([Uint8Array.of(0xff)], { mesh: MESH, signer: node })
    throws(() => open(batch.head, batch.items), withCode('contracts.cbor_malformed'))
  })

  it('gives no receipt that opens with another path, place or item', () => {
    const receipt = receiptAt(0)
    const [sibling = seed(0), ...rest] = receipt.path
    const changes: Readonly<Record<string, Partial<Receipt>>> = {
      'a wrong sibling': { path: [seed(9), ...rest] },
      'siblings swapped': { path: [...rest, sibling] },
      'a sibling fewer': { path: rest },
      'a sibling more': { path: [...receipt.path, seed(9)] },
      'a short sibling': { path: [sibling.subarray(1), ...rest] },
      'no path': { path: [] },
      'the next index': { index: 1 },
      'an index beyond the size': { index: 3 },
      'a negative index': { index: -1 },
      'another item': { item: RESULTS.items[1] ?? seed(0) }
    }
    for (const [name, change] of Object.entries(changes)) {
      throws(
        () => openReceipt({ ...receipt, ...change }, opening),
        withCode('contracts.signature_invalid'),
        name
      )
    }
  })
})
