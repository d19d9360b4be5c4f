/**
 * What holds for all hostile bytes at every door: nothing is thrown but a MeshError, and whatever
 * opens is, encoded again, exactly the bytes that came.
 */

import { deepEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  ANNOUNCEMENT_TYP,
  ATTESTATION_TYP,
  bytesToHex,
  decodeAttestation,
  decodeManifest,
  decodeValue,
  type EntryContent,
  encodeAttestation,
  encodeCanonical,
  encodeItem,
  encodeManifest,
  encodeValue,
  equalBytes,
  FRAMES,
  type FrameKind,
  float32Tensor,
  GENESIS_TYP,
  LEDGER_HEAD_TYP,
  MeshError,
  openAnnouncement,
  openEntry,
  openFrame,
  openGenesis,
  openHead,
  openItem,
  openReceipt,
  openResults,
  openUnit,
  packEntry,
  packUnit,
  Receipt,
  readEntry,
  readShape,
  sealAnnouncement,
  sealFrame,
  signHead,
  signMessage,
  type Value
} from '#contracts'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  ATTESTATIONS,
  ENTRIES,
  GENESIS,
  gateway,
  INCARNATION,
  MANIFESTS,
  node,
  operator,
  PLACE,
  RESULTS,
  receiptAt,
  UNITS
} from '../support/document-fixtures.ts'
import { ANNOUNCEMENTS, frames } from '../support/frame-fixtures.ts'
import { MESH, seed } from '../support/mesh-fixtures.ts'

const opening = { mesh: MESH, verifier: nodeVerifier }
const bytesMax = 1_000_000

/** A door: how bytes open, and how what opened is written. */
interface Door {
  readonly samples: readonly Uint8Array[]
  /** Opens, and encodes again what came out. */
  readonly again: (raw: Uint8Array) => Uint8Array
}

const openedFrame = (raw: Uint8Array): Uint8Array =>
  sealFrame(openFrame(raw, { ...opening, from: node.peerId }), { mesh: MESH, signer: node })
const openedAnnouncement = (raw: Uint8Array): Uint8Array =>
  sealAnnouncement(openAnnouncement(raw, opening), { mesh: MESH, signer: gateway })
const openedHead = (raw: Uint8Array): Uint8Array => {
  const { incarnation, seq, hash } = openHead(raw, opening)
  return signHead({ incarnation, seq, hash }, { mesh: MESH, signer: gateway }).bytes
}
const openedGenesis = (raw: Uint8Array): Uint8Array => {
  const payload = encodeCanonical(openGenesis(raw, nodeVerifier).genesis)
  return signMessage({ typ: GENESIS_TYP, mesh: null, payload, signer: operator })
}
const openedReceipt = (raw: Uint8Array): Uint8Array => {
  const item = { typ: ATTESTATION_TYP, ...opening, bytesMax }
  openItem(raw, item)
  const receipt = readShape(Receipt, decodeValue(raw), 'attestation.malformed')
  const attestation = openReceipt(receipt, opening)
  return encodeItem({ ...receipt, item: encodeAttestation(attestation) })
}
const openedEntry = (raw: Uint8Array): Uint8Array => {
  const { log, seq, prev, ...content } = openEntry(raw)
  const read = readEntry(raw)
  deepEqual(read.kind, content.kind)
  return packEntry(content, { log, seq, prev }).bytes
}

const signedDoors: Readonly<Record<string, Door>> = {
  openFrame: {
    samples: frames().map(({ frame }) => sealFrame(frame, { mesh: MESH, signer: node })),
    again: openedFrame
  },
  openAnnouncement: {
    samples: Object.values(ANNOUNCEMENTS).map((body) =>
      sealAnnouncement(body, { mesh: MESH, signer: gateway })
    ),
    again: openedAnnouncement
  },
  openGenesis: { samples: [GENESIS.bytes], again: openedGenesis },
  openHead: {
    samples: [
      signHead({ incarnation: INCARNATION, seq: 3, hash: seed(1) }, { mesh: MESH, signer: gateway })
        .bytes
    ],
    again: openedHead
  },
  openReceipt: {
    samples: [0, 1, 2].map((index) => encodeCanonical(receiptAt(index))),
    again: openedReceipt
  }
}

const value: Value = {
  text: 'Æ',
  bytes: seed(1),
  list: [1, -1, 0.5, 2n ** 60n, null, true],
  tensor: float32Tensor([2, 2], [1, 2, 3, 4])
}
const plainDoors: Readonly<Record<string, Door>> = {
  openUnit: {
    samples: Object.values(UNITS).map((unit) => packUnit(unit).bytes),
    again: (raw) => packUnit(openUnit(raw).unit).bytes
  },
  decodeManifest: {
    samples: Object.values(MANIFESTS).map(encodeManifest),
    again: (raw) => encodeManifest(decodeManifest(raw))
  },
  decodeAttestation: {
    samples: Object.values(ATTESTATIONS).map(encodeAttestation),
    again: (raw) => encodeAttestation(decodeAttestation(raw))
  },
  openEntry: {
    samples: Object.entries(ENTRIES).flatMap(([kind, bodies]) =>
      Object.values(bodies).map((body) => packEntry({ kind, body } as EntryContent, PLACE).bytes)
    ),
    again: openedEntry
  },
  decodeValue: { samples: [encodeValue(value)], again: (raw) => encodeValue(decodeValue(raw)) }
}

/** Any outcome but bytes or a MeshError is our own mistake. */
function outcome(run: () => Uint8Array): Uint8Array | MeshError {
  try {
    return run()
  } catch (error) {
    if (error instanceof MeshError) return error
    throw error
  }
}

/** Changes as a line, a fault or an attacker makes them; positions are taken modulo the length. */
const edit = fc.oneof(
  fc.record({ type: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat({ max: 7 }) }),
  fc.record({ type: fc.constant('set' as const), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
  fc.record({ type: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array() }),
  fc.record({ type: fc.constant('delete' as const), at: fc.nat(), count: fc.nat({ max: 40 }) }),
  fc.record({ type: fc.constant('copy' as const), at: fc.nat(), from: fc.nat() })
)
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

function edited(raw: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let bytes = [...raw]
  for (const change of edits) {
    const at = bytes.length === 0 ? 0 : change.at % bytes.length
    switch (change.type) {
      case 'flip':
        bytes[at] = (bytes[at] ?? 0) ^ (1 << change.bit)
        break
      case 'set':
        bytes[at] = change.byte
        break
      case 'insert':
        bytes.splice(at, 0, ...change.bytes)
        break
      case 'delete':
        bytes.splice(at, change.count)
        break
      case 'copy': {
        const from = change.from % Math.max(1, bytes.length)
        bytes = [...bytes.slice(0, at), ...bytes.slice(from, from + 24), ...bytes.slice(at)]
      }
    }
  }
  return Uint8Array.from(bytes)
}

const doors = { ...signedDoors, ...plainDoors }

describe('every door, for all bytes', () => {
  for (const [name, { samples, again }] of Object.entries(doors)) {
    it(`${name} gives back each of its samples`, () => {
      for (const sample of samples) deepEqual(bytesToHex(again(sample)), bytesToHex(sample))
    })

    it(`${name} refuses random bytes, or reads just what they are`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (raw) => {
          const found = outcome(() => again(raw))
          if (found instanceof Uint8Array) ok(equalBytes(found, raw))
        }),
        { numRuns: 300 }
      )
    })

    it(`${name} refuses changed bytes, or reads just what they are`, () => {
      const changed = fc.tuple(
        fc.constantFrom(...samples),
        fc.array(edit, { minLength: 1, maxLength: 3 })
      )
      fc.assert(
        fc.property(changed, ([sample, edits]) => {
          const raw = edited(sample, edits)
          const found = outcome(() => again(raw))
          if (found instanceof Uint8Array) ok(equalBytes(found, raw))
        }),
        { numRuns: 500 }
      )
    })
  }

  for (const [name, { samples, again }] of Object.entries(signedDoors)) {
    it(`${name} opens no changed bytes at all`, () => {
      const changed = fc.tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1 }))
      fc.assert(
        fc.property(changed, ([sample, edits]) => {
          const raw = edited(sample, edits)
          if (!equalBytes(raw, sample) && !samples.some((other) => equalBytes(other, raw)))
            ok(outcome(() => again(raw)) instanceof MeshError)
        }),
        { numRuns: 300 }
      )
    })
  }
})

/** Documents near the right shape: its own keys and others, with values of any type. */
const { wild } = fc.letrec<{ wild: unknown }>((tie) => ({
  wild: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, 1, -1, 1.5, 'full', node.peerId, MESH, 2n ** 60n),
    fc.uint8Array({ maxLength: 40 }),
    fc.string(),
    fc.array(tie('wild'), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom('v', 'leases', 'lease_id', 'claim', 'reason', '__proto__', 'constructor'),
      tie('wild'),
      { maxKeys: 5, noNullPrototype: true }
    )
  )
}))

describe('a rightly signed document of any shape', () => {
  const kinds = fc.constantFrom<FrameKind>('hello', 'claim', 'grant', 'result', 'release', 'ack')

  it('is refused or opens to exactly itself, as a frame', () => {
    fc.assert(
      fc.property(kinds, wild, (kind, document) => {
        const { byte, typ } = FRAMES[kind]
        const payload = encodeCanonical(document)
        const message = signMessage({ typ, mesh: MESH, payload, signer: node })
        const raw = Uint8Array.of(byte, ...message)
        const found = outcome(() => openedFrame(raw))
        if (found instanceof Uint8Array) deepEqual(found, raw)
      }),
      { numRuns: 300 }
    )
  })

  it('is refused or opens to exactly itself, at the other doors', () => {
    const typs = {
      [ANNOUNCEMENT_TYP]: openedAnnouncement,
      [LEDGER_HEAD_TYP]: openedHead
    }
    fc.assert(
      fc.property(wild, (document) => {
        const payload = encodeCanonical(document)
        for (const [typ, again] of Object.entries(typs)) {
          const raw = signMessage({ typ, mesh: MESH, payload, signer: gateway })
          const found = outcome(() => again(raw))
          if (found instanceof Uint8Array) deepEqual(found, raw)
        }
        for (const { again } of Object.values(plainDoors)) {
          const found = outcome(() => again(payload))
          if (found instanceof Uint8Array) deepEqual(found, payload)
        }
      }),
      { numRuns: 300 }
    )
  })

  it('is a batch of attestations only where each item is one', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1, maxLength: 5 }), (attestations) => {
        const found = outcome(() => {
          openResults({ head: RESULTS.head, attestations }, opening)
          return seed(0)
        })
        ok(found instanceof MeshError)
      })
    )
  })
})
