/** What is refused on a control link before anybody looks at what it asks. */
import { throws } from 'node:assert/strict'
import {
  CONTROL_FRAMES,
  CONTROL_INLINE_BYTES_MAX,
  CONTROL_INPUTS_MAX,
  type ControlWant,
  cidOfBytes,
  encodeCanonical,
  FRAME_BYTES_MAX,
  openControlFrame,
  sealControlFrame,
  signMessage
} from '#contracts'
import { nodeVerifier as verifier } from '../../mesh-node/keys/node-signer.ts'
import { ask, WANTS } from '../support/control-fixtures.ts'
import { gateway, node as signer } from '../support/document-fixtures.ts'
import { MESH as mesh, OTHER_MESH, OTHER_TYP, seed, withCode } from '../support/mesh-fixtures.ts'

const sealed = (want: ControlWant = WANTS.status) =>
  sealControlFrame({ kind: 'ask', body: ask(want) }, { mesh, signer })

/** A frame of any body, signed as it should be. */
function forged(body: unknown, { typ = CONTROL_FRAMES.ask.typ as string, byte = 1 } = {}) {
  const message = signMessage({ typ, mesh, payload: encodeCanonical(body), signer })
  return Uint8Array.from(Buffer.concat([Buffer.of(byte), message]))
}

const submit = (change: object) =>
  forged({ ...ask(WANTS.submit), want: { ...WANTS.submit, ...change } })

describe('a control message is refused', () => {
  it('when it is of another mesh, of another signer, or changed on the way', () => {
    throws(
      () => openControlFrame(sealed(), { mesh: OTHER_MESH, verifier }),
      withCode('contracts.signature_invalid')
    )
    throws(
      () => openControlFrame(sealed(), { mesh, verifier, signedBy: gateway.peerId }),
      withCode('contracts.signature_invalid')
    )
    const changed = sealed()
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    throws(
      () => openControlFrame(changed, { mesh, verifier }),
      withCode('contracts.signature_invalid')
    )
  })

  it('when its kind is unknown, or another than its typ', () => {
    const unknown = Uint8Array.of(9, ...sealed().subarray(1))
    throws(() => openControlFrame(unknown, { mesh, verifier }), withCode('wire.kind_unknown'))
    throws(
      () => openControlFrame(new Uint8Array(0), { mesh, verifier }),
      withCode('wire.kind_unknown')
    )
    const crossed = Uint8Array.of(2, ...sealed().subarray(1))
    throws(() => openControlFrame(crossed, { mesh, verifier }), withCode('contracts.typ_mismatch'))
    const other = forged(ask(WANTS.status), { typ: OTHER_TYP })
    throws(() => openControlFrame(other, { mesh, verifier }), withCode('contracts.typ_mismatch'))
  })

  it('before it is read, when it is larger than a frame', () => {
    const large = new Uint8Array(FRAME_BYTES_MAX + 1)
    throws(() => openControlFrame(large, { mesh, verifier }), withCode('contracts.too_large'))
  })

  it('when its shape is not the one of its kind', () => {
    const many = Object.fromEntries(
      Array.from({ length: CONTROL_INPUTS_MAX + 1 }, (_, index) => [
        `i${index}`,
        { inline: seed(1) }
      ])
    )
    const wrong: Readonly<Record<string, Uint8Array>> = {
      'an unknown question': forged({ ...ask(WANTS.status), want: { t: 'shutdown' } }),
      'an unknown key': forged({ ...ask(WANTS.status), token: 'x' }),
      'no end of the link': forged({ ...ask(WANTS.status), via: 'me' }),
      'a part that is too large to ride along': submit({
        graph: { inline: new Uint8Array(CONTROL_INLINE_BYTES_MAX + 1) }
      }),
      'a part of more bytes than a value': submit({
        graph: { cid: cidOfBytes(seed(1)), bytes: 2 ** 40 }
      }),
      'a part without bytes': submit({ graph: {} }),
      'too many inputs': submit({ inputs: many }),
      'no request id': submit({ request_id: '' })
    }
    for (const [what, raw] of Object.entries(wrong)) {
      throws(
        () => openControlFrame(raw, { mesh, verifier }),
        withCode('wire.message_malformed'),
        what
      )
    }
  })

  for (const name of ['../secret', '/etc/passwd', '.hidden', 'a/b', '', 'x'.repeat(256), 'a\0b']) {
    it(`when a file of an answer would leave its folder: ${JSON.stringify(name.slice(0, 20))}`, () => {
      const end = {
        t: 'done',
        document: { inline: seed(1) },
        files: [{ name, part: { inline: seed(1) } }]
      }
      const raw = forged({ v: 1, id: 1, end }, { typ: CONTROL_FRAMES.answer.typ, byte: 2 })
      throws(() => openControlFrame(raw, { mesh, verifier }), withCode('wire.message_malformed'))
    })
  }
})
