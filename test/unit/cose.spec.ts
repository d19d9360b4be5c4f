/** The envelope: what is signed as one thing, for one mesh, by one key, opens as that alone. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import { createPrivateKey, sign as nodeSign } from 'node:crypto'
import {
  AssertionFailure,
  concatBytes,
  hexToBytes,
  openMessage,
  peekMessage,
  peerIdToBytes,
  type Signer,
  signMessage,
  tweetnaclVerifier
} from '#contracts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { goldenBytes } from '../support/golden.ts'
import { MESH, OTHER_MESH, OTHER_TYP, seed, TYP, withCode } from '../support/mesh-fixtures.ts'

const signer = nodeSigner(seed(1))
const stranger = nodeSigner(seed(2))
const payload = new TextEncoder().encode('payload')
const message = signMessage({ typ: TYP, mesh: MESH, payload, signer })
const options = { typ: TYP, mesh: MESH, verifier: nodeVerifier, bytesMax: 1_000 }
const open = (bytes: Uint8Array) => openMessage(bytes, options)

describe('a signed message', () => {
  it('opens with its payload and its signer, by either verifier', () => {
    for (const verifier of [nodeVerifier, tweetnaclVerifier]) {
      const opened = openMessage(message, { ...options, verifier, signedBy: signer.peerId })
      deepEqual(opened.payload, payload)
      equal(opened.kid, signer.peerId)
    }
  })

  it('has the bytes it always had', () => {
    goldenBytes('cose-message', message)
    goldenBytes('cose-message-genesis', signMessage({ typ: TYP, mesh: null, payload, signer }))
    const empty = new Uint8Array(0)
    goldenBytes('cose-message-empty', signMessage({ typ: TYP, mesh: MESH, payload: empty, signer }))
  })

  it('carries payloads on every side of a head length', () => {
    for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536]) {
      const long = new Uint8Array(length).fill(length)
      const bytes = signMessage({ typ: TYP, mesh: MESH, payload: long, signer })
      deepEqual(openMessage(bytes, { ...options, bytesMax: 100_000 }).payload, long)
      equal(bytes.length <= length + 160, true)
    }
  })

  it('says what it claims to be, unverified, to whoever must choose a handler', () => {
    deepEqual(peekMessage(message, { bytesMax: 1_000 }), { typ: TYP, kid: signer.peerId })
    throws(() => peekMessage(message, { bytesMax: 10 }), withCode('contracts.too_large'))
  })

  it('is refused for its size before anything else is looked at', () => {
    const noise = new Uint8Array(1_001)
    throws(() => open(noise), withCode('contracts.too_large'))
  })

  it('is refused as another typ', () => {
    throws(
      () => openMessage(message, { ...options, typ: OTHER_TYP }),
      withCode('contracts.typ_mismatch')
    )
  })

  it('is refused for another mesh, and for none', () => {
    for (const mesh of [OTHER_MESH, null]) {
      throws(
        () => openMessage(message, { ...options, mesh }),
        withCode('contracts.signature_invalid')
      )
    }
    const genesis = signMessage({ typ: TYP, mesh: null, payload, signer })
    throws(() => open(genesis), withCode('contracts.signature_invalid'))
    deepEqual(openMessage(genesis, { ...options, mesh: null }).payload, payload)
  })

  it('is refused where another signer is due', () => {
    throws(
      () => openMessage(message, { ...options, signedBy: stranger.peerId }),
      withCode('contracts.signature_invalid')
    )
  })

  it('is refused when the kid is not who signed', () => {
    const liar: Signer = { peerId: stranger.peerId, sign: (bytes) => signer.sign(bytes) }
    const forged = signMessage({ typ: TYP, mesh: MESH, payload, signer: liar })
    throws(() => open(forged), withCode('contracts.signature_invalid'))
  })

  it('is refused with any single bit changed, wherever it lies', () => {
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = message.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      throws(
        () => open(changed),
        (error: unknown) =>
          withCode('contracts.message_malformed')(error) ||
          withCode('contracts.typ_mismatch')(error) ||
          withCode('contracts.signature_invalid')(error)
      )
    }
  })

  it('is malformed when cut short anywhere, or followed by anything', () => {
    for (let length = 0; length < message.length; length++) {
      throws(() => open(message.subarray(0, length)), withCode('contracts.message_malformed'))
    }
    throws(
      () => open(concatBytes(message, Uint8Array.of(0))),
      withCode('contracts.message_malformed')
    )
  })

  it('is refused by assertion under a typ that is no vendor media type of CBOR', () => {
    for (const typ of ['', 'text/plain', 'application/vnd.kora.x', 'application/vnd.Kora+cbor']) {
      throws(() => signMessage({ typ, mesh: MESH, payload, signer }), AssertionFailure)
    }
  })
})

/** Envelopes with a right signature over what they hold, and one thing in them not as it must be. */
describe('an envelope that is signed but not in the one form', () => {
  const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8, seed(1)]),
    format: 'der',
    type: 'pkcs8'
  })
  const kid = peerIdToBytes(signer.peerId)
  const typBytes = new TextEncoder().encode(TYP)
  const typItem = concatBytes(Uint8Array.of(0x78, typBytes.length), typBytes)
  const kidItem = concatBytes(Uint8Array.of(0x58, kid.length), kid)
  const alg = hexToBytes('0127')
  const bstr = (bytes: Uint8Array) =>
    bytes.length < 24
      ? concatBytes(Uint8Array.of(0x40 + bytes.length), bytes)
      : concatBytes(Uint8Array.of(0x58, bytes.length), bytes)
  const good = concatBytes(
    hexToBytes('a3'),
    alg,
    hexToBytes('04'),
    kidItem,
    hexToBytes('10'),
    typItem
  )

  function envelope(header: Uint8Array, parts: { head?: string; unprotected?: string } = {}) {
    const { head = 'd284', unprotected = 'a0' } = parts
    const signed = concatBytes(
      hexToBytes('846a5369676e617475726531'),
      bstr(header),
      bstr(hexToBytes(MESH)),
      bstr(payload)
    )
    const signature = new Uint8Array(nodeSign(null, signed, key))
    return concatBytes(
      hexToBytes(head),
      bstr(header),
      hexToBytes(unprotected),
      bstr(payload),
      bstr(signature)
    )
  }

  it('opens in the one form, so that the refusals below mean something', () => {
    deepEqual(envelope(good), message)
  })

  const four = hexToBytes('04')
  const sixteen = hexToBytes('10')
  const bad: Readonly<Record<string, Uint8Array>> = {
    'no tag': envelope(good, { head: '84' }),
    'the tag of COSE_Mac0': envelope(good, { head: 'd184' }),
    'the tag in two bytes': envelope(good, { head: 'd81284' }),
    'an indefinite array': concatBytes(envelope(good, { head: 'd29f' }), hexToBytes('ff')),
    'an unprotected kid': envelope(good, { unprotected: 'a10441ff' }),
    'an empty map in two bytes': envelope(good, { unprotected: 'b800' }),
    'no header at all': envelope(new Uint8Array(0)),
    'no kid': envelope(concatBytes(hexToBytes('a2'), alg, sixteen, typItem)),
    'no typ': envelope(concatBytes(hexToBytes('a2'), alg, four, kidItem)),
    'no alg': envelope(concatBytes(hexToBytes('a2'), four, kidItem, sixteen, typItem)),
    'alg ES256': envelope(concatBytes(hexToBytes('a30126'), four, kidItem, sixteen, typItem)),
    'labels out of order': envelope(
      concatBytes(hexToBytes('a3'), alg, sixteen, typItem, four, kidItem)
    ),
    'a label more': envelope(
      concatBytes(hexToBytes('a4'), alg, four, kidItem, sixteen, typItem, hexToBytes('182000'))
    ),
    'a critical header': envelope(
      concatBytes(hexToBytes('a4'), alg, hexToBytes('028118ff'), four, kidItem, sixteen, typItem)
    ),
    'typ in bytes': envelope(
      concatBytes(hexToBytes('a3'), alg, four, kidItem, sixteen, bstr(typBytes))
    ),
    'typ with a long head': envelope(
      concatBytes(
        hexToBytes('a3'),
        alg,
        four,
        kidItem,
        sixteen,
        Uint8Array.of(0x79, 0, typBytes.length),
        typBytes
      )
    ),
    'typ that is not UTF-8': envelope(
      concatBytes(hexToBytes('a3'), alg, four, kidItem, sixteen, hexToBytes('61ff'))
    ),
    'a kid of raw key bytes': envelope(
      concatBytes(hexToBytes('a3'), alg, four, bstr(kid.subarray(6)), sixteen, typItem)
    ),
    'a kid of another key type': envelope(
      concatBytes(hexToBytes('a3'), alg, four, bstr(kid.with(3, 2)), sixteen, typItem)
    ),
    'bytes behind the header map': envelope(concatBytes(good, hexToBytes('00')))
  }
  for (const [what, bytes] of Object.entries(bad)) {
    it(`is malformed with ${what}`, () => {
      throws(() => open(bytes), withCode('contracts.message_malformed'))
    })
  }
})
