/**
 * A COSE library that we did not write checks our messages, and we check its: with the mesh id
 * as external AAD both ways, and without for a genesis.
 */

import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { Algorithms, Headers, ProtectedHeaders, Sign1 } from '@auth0/cose'
import {
  encodeBatch,
  hexToBytes,
  type MeshId,
  openBatch,
  openMessage,
  peerIdToBytes,
  signBatch,
  signMessage
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { MESH, OTHER_MESH, seed, TYP, withCode } from '../support/mesh-fixtures.ts'

const TYP_LABEL = 16
const signer = nodeSigner(seed(1))
const payload = new TextEncoder().encode('payload')
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed(1)]),
  format: 'der',
  type: 'pkcs8'
})
const publicKey = createPublicKey(privateKey)
const options = { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax: 10_000 }

const theirHeaders = () =>
  new ProtectedHeaders([
    [Headers.Algorithm, Algorithms.EdDSA],
    [Headers.KeyID, Buffer.from(peerIdToBytes(signer.peerId))]
  ])

/** Their Sig_structure and their envelope; only the Ed25519 call is made for them. */
function signedByThem(mesh: MeshId | null, headers: Map<number, unknown>): Uint8Array {
  const encoded = new ProtectedHeaders()
  for (const [label, value] of headers) encoded.esMap.set(label, value)
  const header = encoded.encode()
  const aad = mesh === null ? new Uint8Array(0) : hexToBytes(mesh)
  const toBeSigned = Sign1['Signature1'](header, Buffer.from(aad), Buffer.from(payload))
  const signature = sign(null, toBeSigned, privateKey)
  return new Uint8Array(new Sign1(header, new Map(), Buffer.from(payload), signature).encode())
}

const fullHeaders = () =>
  new Map<number, unknown>([
    [Headers.Algorithm, Algorithms.EdDSA],
    [Headers.KeyID, Buffer.from(peerIdToBytes(signer.peerId))],
    [TYP_LABEL, TYP]
  ])

describe('COSE beside another library', () => {
  it('has our messages taken there, for their mesh alone', async () => {
    const ours = Sign1.decode(signMessage({ typ: TYP, mesh: MESH, payload, signer }))
    await ours.verify(publicKey, { externalAAD: hexToBytes(MESH) })
    await rejects(ours.verify(publicKey, { externalAAD: hexToBytes(OTHER_MESH) }))
    await rejects(ours.verify(publicKey))
    deepEqual(new Uint8Array(ours.payload), payload)
    equal(ours.alg, Algorithms.EdDSA)
    deepEqual(new Uint8Array(Buffer.from(ours.kid ?? [])), peerIdToBytes(signer.peerId))
    equal(ours.protectedHeaders.get(TYP_LABEL), TYP)
  })

  it('has our genesis messages taken there, which carry no mesh', async () => {
    const ours = Sign1.decode(signMessage({ typ: TYP, mesh: null, payload, signer }))
    await ours.verify(publicKey)
  })

  it('has the head of our batches taken there', async () => {
    const batch = signBatch({ typ: TYP, mesh: MESH, items: [payload, payload], signer })
    await Sign1.decode(batch.head).verify(publicKey, { externalAAD: hexToBytes(MESH) })
    deepEqual(openBatch(encodeBatch(batch), options).items, [payload, payload])
  })

  it('takes their messages, which are the same bytes as ours', () => {
    const theirs = signedByThem(MESH, fullHeaders())
    deepEqual(openMessage(theirs, options).payload, payload)
    deepEqual(theirs, signMessage({ typ: TYP, mesh: MESH, payload, signer }))
    const genesis = signedByThem(null, fullHeaders())
    deepEqual(openMessage(genesis, { ...options, mesh: null }).payload, payload)
  })

  it('refuses their messages for another mesh', () => {
    const theirs = signedByThem(OTHER_MESH, fullHeaders())
    throws(() => openMessage(theirs, options), withCode('contracts.signature_invalid'))
  })

  it('refuses their messages without a typ', async () => {
    const theirs = await Sign1.sign(theirHeaders(), undefined, Buffer.from(payload), privateKey)
    throws(
      () => openMessage(new Uint8Array(theirs.encode()), options),
      withCode('contracts.message_malformed')
    )
  })
})
