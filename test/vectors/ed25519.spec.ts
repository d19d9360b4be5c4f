/** Wycheproof and sign.input: every verdict, and the same one from every implementation we use. */

import { deepEqual, equal } from 'node:assert/strict'
import { ed25519 } from '@noble/curves/ed25519.js'
import { z } from 'zod'
import { peerIdFromPublicKey, tweetnaclSigner, tweetnaclVerifier } from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { fewer } from '../support/long.ts'
import { fromHex, readVectors } from '../support/vector-data.ts'

const WycheproofRow = z.strictObject({
  tcId: z.int(),
  comment: z.string(),
  publicKey: z.string(),
  message: z.string(),
  signature: z.string(),
  valid: z.boolean()
})
const SignInputRow = z.strictObject({
  seed: z.string(),
  publicKey: z.string(),
  message: z.string(),
  signature: z.string()
})

describe('Wycheproof Ed25519', () => {
  const rows = readVectors('wycheproof-ed25519', WycheproofRow)

  it('has its 151 cases here', () => {
    equal(rows.length, 151)
  })

  for (const row of rows) {
    it(`${row.tcId} is ${row.valid ? 'taken' : 'refused'}: ${row.comment}`, () => {
      const peerId = peerIdFromPublicKey(fromHex(row.publicKey))
      const message = fromHex(row.message)
      const signature = fromHex(row.signature)
      equal(nodeVerifier.verify(peerId, message, signature), row.valid)
      equal(tweetnaclVerifier.verify(peerId, message, signature), row.valid)
    })
  }
})

describe('sign.input of the Ed25519 authors', () => {
  const rows = readVectors('sign-input', SignInputRow)

  it('is signed and taken line by line by Node, and by noble curves', () => {
    equal(rows.length, 256)
    for (const row of rows) {
      const signer = nodeSigner(fromHex(row.seed))
      const message = fromHex(row.message)
      const signature = fromHex(row.signature)
      equal(signer.peerId, peerIdFromPublicKey(fromHex(row.publicKey)))
      deepEqual(signer.sign(message), signature)
      equal(nodeVerifier.verify(signer.peerId, message, signature), true)
      equal(ed25519.verify(signature, message, fromHex(row.publicKey), { zip215: false }), true)
    }
  })

  it('is signed and taken line by line by tweetnacl', () => {
    for (const row of fewer(rows, 64)) {
      const signer = tweetnaclSigner(fromHex(row.seed))
      const message = fromHex(row.message)
      const signature = fromHex(row.signature)
      deepEqual(signer.sign(message), signature)
      equal(tweetnaclVerifier.verify(signer.peerId, message, signature), true)
    }
  })
})
