/** Peer ids: libp2p's own text and bytes for Ed25519 keys, and no other kind. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { base58btc } from 'multiformats/bases/base58'
import {
  bytesToHex,
  equalBytes,
  hexToBytes,
  isPeerId,
  parsePeerId,
  peerIdFromBytes,
  peerIdFromPublicKey,
  peerIdToBytes,
  publicKeyFromPeerId,
  tweetnaclSigner
} from '#contracts'
import { NodeVerifier, nodeSigner } from '../../mesh-node/keys/node-signer.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'

describe('peer ids', () => {
  it('are what libp2p makes of the same seed, from either signer', async () => {
    for (const fill of [0, 1, 7, 255]) {
      const key = await generateKeyPairFromSeed('Ed25519', seed(fill))
      const peerId = peerIdFromPrivateKey(key)
      equal(nodeSigner(seed(fill)).peerId, peerId.toString())
      equal(tweetnaclSigner(seed(fill)).peerId, peerId.toString())
      const ours = parsePeerId(peerId.toString())
      deepEqual(peerIdToBytes(ours), new Uint8Array(peerId.toMultihash().bytes))
      deepEqual(publicKeyFromPeerId(ours), new Uint8Array(key.publicKey.raw))
    }
  })

  it('go from key to text to bytes and back', () => {
    for (const fill of [0, 1, 128, 255]) {
      const key = seed(fill)
      const peerId = peerIdFromPublicKey(key)
      deepEqual(publicKeyFromPeerId(parsePeerId(peerId)), key)
      equal(peerIdFromBytes(peerIdToBytes(peerId)), peerId)
    }
  })

  const good = tweetnaclSigner(seed(3)).peerId
  const bytes = peerIdToBytes(good)
  const encode = (changed: Uint8Array) => base58btc.baseEncode(changed)
  const refused: Readonly<Record<string, string>> = {
    'an empty text': '',
    'a hashed peer id': 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    'a secp256k1 key': encode(Uint8Array.of(0, 37, 8, 2, 18, 33, ...new Uint8Array(33))),
    'another key type': encode(bytes.with(3, 2)),
    'another hash': encode(bytes.with(0, 0x12)),
    'a short key': encode(Uint8Array.of(0, 35, 8, 1, 18, 31, ...new Uint8Array(31))),
    'a trailing byte': encode(Uint8Array.of(...bytes, 0)),
    'a letter that base58 lacks': `${good.slice(0, -1)}0`,
    'a CID': `z${good}`
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      equal(isPeerId(text), false)
      throws(() => parsePeerId(text), withCode('contracts.peer_id_malformed'))
    })
  }

  it('refuse keys and seeds of another length', () => {
    throws(() => peerIdFromPublicKey(new Uint8Array(33)), withCode('contracts.key_malformed'))
    throws(() => nodeSigner(new Uint8Array(31)), withCode('contracts.key_malformed'))
    throws(() => tweetnaclSigner(new Uint8Array(64)), withCode('contracts.key_malformed'))
  })
})

describe('the verifier of Node', () => {
  it('keeps no more keys than its bound, and those used last', () => {
    const verifier = new NodeVerifier(4)
    const bytes = Uint8Array.of(1, 2, 3)
    for (let fill = 0; fill < 20; fill++) {
      const signer = nodeSigner(seed(fill))
      equal(verifier.verify(signer.peerId, bytes, signer.sign(bytes)), true)
      equal(verifier.verify(signer.peerId, bytes, nodeSigner(seed(99)).sign(bytes)), false)
      equal(verifier.keysHeld <= 4, true)
    }
    equal(verifier.keysHeld, 4)
  })

  it('finds a message right again, and no other bytes or signer by the same signature', () => {
    const verifier = new NodeVerifier()
    const [signer, other] = [nodeSigner(seed(1)), nodeSigner(seed(2))]
    const bytes = new Uint8Array(250).fill(7)
    const signature = signer.sign(bytes)
    for (let time = 0; time < 3; time++) {
      equal(verifier.verify(signer.peerId, bytes, signature), true)
      equal(verifier.verify(signer.peerId, bytes.with(9, 8), signature), false)
      equal(verifier.verify(signer.peerId, bytes.subarray(1), signature), false)
      equal(verifier.verify(other.peerId, bytes, signature), false)
    }
    // what was remembered is a copy: bytes that change later are other bytes
    bytes[0] = 1
    equal(verifier.verify(signer.peerId, bytes, signature), false)
  })
})

describe('hex', () => {
  it('has one spelling and refuses the others', () => {
    equal(bytesToHex(hexToBytes('00ff7f80')), '00ff7f80')
    equal(equalBytes(hexToBytes(''), new Uint8Array(0)), true)
    for (const text of ['0', 'FF', '0g', '0x00', ' 0', '٠٠', '0000\n']) {
      throws(() => hexToBytes(text), withCode('contracts.hex_malformed'))
    }
  })
})
