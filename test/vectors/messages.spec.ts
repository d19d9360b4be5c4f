/**
 * Every signed message and every hashed document against its golden bytes: made alike by both
 * signers, taken by both verifiers, and read back as what was written.
 */

import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  ATTESTATION_TYP,
  BATCH_HEAD_BYTES_MAX,
  CONTROL_FRAMES,
  decodeCanonical,
  decodeManifest,
  ENTRY_BODIES,
  type EntryContent,
  encodeAttestation,
  encodeBatch,
  encodeCanonical,
  encodeManifest,
  FRAMES,
  openAnnouncement,
  openBatch,
  openControlFrame,
  openEntry,
  openFrame,
  openGenesis,
  openHead,
  openReceipt,
  openResults,
  openUnit,
  packEntry,
  packUnit,
  type Signer,
  sealAnnouncement,
  sealControlFrame,
  sealFrame,
  sha256,
  signGenesis,
  signHead,
  signResults,
  tweetnaclSigner,
  tweetnaclVerifier
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { controlFrames } from '../support/control-fixtures.ts'
import {
  ATTESTATIONS,
  attestationItems,
  ENTRIES,
  GATEWAY_SEED,
  GENESES,
  INCARNATION,
  MANIFESTS,
  NODE_SEED,
  node,
  OPERATOR_SEED,
  PLACE,
  RESULTS,
  receiptAt,
  UNITS
} from '../support/document-fixtures.ts'
import { ANNOUNCEMENTS, FRAME_BODIES, frames } from '../support/frame-fixtures.ts'
import { goldenBytes } from '../support/golden.ts'
import { MESH, seed } from '../support/mesh-fixtures.ts'

const SIGNERS: Readonly<Record<string, (seed: Uint8Array) => Signer>> = {
  'node:crypto': nodeSigner,
  tweetnacl: tweetnaclSigner
}
const VERIFIERS = [nodeVerifier, tweetnaclVerifier]

/** Seals with every signer, and holds what each makes to the same golden bytes. */
function sealed(name: string, key: Uint8Array, seal: (signer: Signer) => Uint8Array): Uint8Array {
  for (const signerOf of Object.values(SIGNERS)) goldenBytes(name, seal(signerOf(key)))
  return seal(nodeSigner(key))
}

describe('golden frames', () => {
  for (const { name, frame } of frames()) {
    it(`${name} has the bytes it always had and opens to its body`, () => {
      const raw = sealed(name, NODE_SEED, (signer) => sealFrame(frame, { mesh: MESH, signer }))
      equal(raw[0], FRAMES[frame.kind].byte)
      for (const verifier of VERIFIERS) {
        deepEqual(openFrame(raw, { mesh: MESH, verifier, from: node.peerId }), frame)
      }
    })
  }

  it('use every field of every frame', () => {
    for (const { name, frame } of frames()) {
      const fields = Object.keys(FRAMES[frame.kind].shape.shape).sort()
      deepEqual(Object.keys(frame.body).sort(), fields, name)
    }
    deepEqual(Object.keys(FRAME_BODIES), Object.keys(FRAMES))
  })

  it('have a byte and a typ each that no other has', () => {
    const entries = Object.values(FRAMES)
    equal(new Set(entries.map(({ byte }) => byte)).size, entries.length)
    equal(new Set(entries.map(({ typ }) => typ)).size, entries.length)
  })
})

describe('golden control messages', () => {
  for (const { name, frame } of controlFrames()) {
    it(`${name} has the bytes it always had and opens to its body`, () => {
      const raw = sealed(name, NODE_SEED, (signer) =>
        sealControlFrame(frame, { mesh: MESH, signer })
      )
      equal(raw[0], CONTROL_FRAMES[frame.kind].byte)
      for (const verifier of VERIFIERS) {
        deepEqual(openControlFrame(raw, { mesh: MESH, verifier }), { frame, signer: node.peerId })
      }
    })
  }

  it('have a byte and a typ each that no other message has', () => {
    const entries = Object.values(CONTROL_FRAMES)
    equal(new Set(entries.map(({ byte }) => byte)).size, entries.length)
    const typs = [...entries, ...Object.values(FRAMES)].map(({ typ }) => typ)
    equal(new Set(typs).size, typs.length)
  })
})

describe('golden gossip', () => {
  for (const [variant, body] of Object.entries(ANNOUNCEMENTS)) {
    it(`an announcement, ${variant}, has the bytes it always had and opens to its body`, () => {
      const raw = sealed(`announcement-${variant}`, GATEWAY_SEED, (signer) =>
        sealAnnouncement(body, { mesh: MESH, signer })
      )
      for (const verifier of VERIFIERS) {
        deepEqual(openAnnouncement(raw, { mesh: MESH, verifier }), body)
      }
    })
  }
})

describe('golden documents', () => {
  for (const [variant, genesis] of Object.entries(GENESES)) {
    it(`a genesis, ${variant}, has the bytes and the mesh id it always had`, () => {
      const raw = sealed(
        `genesis-${variant}`,
        OPERATOR_SEED,
        (signer) => signGenesis(genesis, signer).bytes
      )
      for (const verifier of VERIFIERS) {
        const opened = openGenesis(raw, verifier)
        deepEqual(opened.genesis, genesis)
        equal(opened.id, Buffer.from(sha256(raw)).toString('hex'))
        equal(openGenesis(raw, verifier, opened.id).id, opened.id)
      }
    })
  }

  for (const [variant, unit] of Object.entries(UNITS)) {
    it(`a work unit, ${variant}, has the bytes it always had, and its id is their hash`, () => {
      const packed = packUnit(unit)
      goldenBytes(`unit-${variant}`, packed.bytes)
      deepEqual(openUnit(packed.bytes), packed)
      goldenBytes(`unit-${variant}-id`, new TextEncoder().encode(packed.id))
    })
  }

  for (const [variant, manifest] of Object.entries(MANIFESTS)) {
    it(`a model manifest, ${variant}, has the bytes it always had`, () => {
      const raw = encodeManifest(manifest)
      goldenBytes(`manifest-${variant}`, raw)
      deepEqual(decodeManifest(raw), manifest)
    })
  }
})

describe('golden attestations', () => {
  for (const [variant, attestation] of Object.entries(ATTESTATIONS)) {
    it(`an attestation, ${variant}, has the bytes it always had`, () => {
      const raw = encodeAttestation(attestation)
      goldenBytes(`attestation-${variant}`, raw)
      deepEqual(decodeCanonical(raw, { bytesMax: raw.length }), attestation)
    })
  }

  it('a batch of them has the bytes it always had and opens to all of them', () => {
    const raw = sealed('attestation-batch', NODE_SEED, (signer) =>
      encodeBatch(signResults(attestationItems(), { mesh: MESH, signer }))
    )
    for (const verifier of VERIFIERS) {
      const batch = openBatch(raw, { typ: ATTESTATION_TYP, mesh: MESH, verifier, bytesMax: 65_536 })
      deepEqual(batch, RESULTS)
      const opened = openResults(
        { head: batch.head, attestations: [...batch.items] },
        { mesh: MESH, verifier }
      )
      deepEqual(opened.attestations.slice(0, 2), [ATTESTATIONS.full, ATTESTATIONS.bare])
    }
    ok(RESULTS.head.length <= BATCH_HEAD_BYTES_MAX)
  })

  for (const index of [0, 1, 2]) {
    it(`the receipt of item ${index} has the bytes it always had and proves it alone`, () => {
      const receipt = receiptAt(index)
      goldenBytes(`receipt-${index}`, encodeCanonical(receipt))
      for (const verifier of VERIFIERS) {
        const attestation = openReceipt(receipt, { mesh: MESH, verifier })
        deepEqual(encodeAttestation(attestation), RESULTS.items[index])
      }
    })
  }
})

describe('golden ledger', () => {
  it('a head has the bytes it always had and opens to itself', () => {
    const head = { incarnation: INCARNATION, seq: 41, hash: seed(17) }
    const raw = sealed(
      'ledger-head',
      GATEWAY_SEED,
      (signer) => signHead(head, { mesh: MESH, signer }).bytes
    )
    const signed = signHead(head, { mesh: MESH, signer: nodeSigner(GATEWAY_SEED) })
    for (const verifier of VERIFIERS) deepEqual(openHead(raw, { mesh: MESH, verifier }), signed)
  })

  for (const [kind, bodies] of Object.entries(ENTRIES)) {
    for (const [variant, body] of Object.entries(bodies)) {
      it(`an entry ${kind}, ${variant}, has the bytes it always had and opens to itself`, () => {
        const entry = packEntry({ kind, body } as EntryContent, PLACE)
        goldenBytes(`entry-${kind}-${variant}`, entry.bytes)
        deepEqual(entry.hash, sha256(entry.bytes))
        deepEqual(openEntry(entry.bytes), entry)
      })
    }
  }

  it('has an entry of every kind', () => {
    deepEqual(Object.keys(ENTRIES), Object.keys(ENTRY_BODIES))
  })
})
