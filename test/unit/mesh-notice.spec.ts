/** What a mesh says before anybody joins it: who may say so, and what is refused as its word. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import fc from 'fast-check'
import {
  cidOfDocument,
  encodeCanonical,
  isPurpose,
  type MeshNotice,
  NOTICE_BYTES_MAX,
  NOTICE_MODELS_MAX,
  NOTICE_TYP,
  noticeOf,
  openNotice,
  PROSE_CHARS_MAX,
  signMessage,
  signNotice
} from '#contracts'
import { builtinModels } from '../../control/models/builtin.ts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import { testGenesis } from '../support/genesis-fixtures.ts'
import { OTHER_MESH, OTHER_TYP, seed, withCode } from '../support/mesh-fixtures.ts'

const signer = nodeSigner(seed(1))
const genesis = testGenesis(signer, seed(2))
const mesh = genesis.id
const MODELS = builtinModels()
const NOTICE = noticeOf('Reading the pages of a public library.', MODELS)

const open = (bytes: Uint8Array) => openNotice(bytes, nodeVerifier, genesis)
const forged = (document: unknown, change: Partial<Parameters<typeof signMessage>[0]> = {}) =>
  signMessage({
    ...{ typ: NOTICE_TYP, mesh, payload: encodeCanonical(document), signer },
    ...change
  })

describe('the notice of a mesh', () => {
  it('comes back as it was signed, with each model, its size and its licence', () => {
    const notice = open(signNotice(NOTICE, { mesh, signer }))
    deepEqual(notice, NOTICE)
    equal(notice.models.length, MODELS.length)
    for (const { bytes, licence, name } of notice.models) {
      const manifest = MODELS.find((model) => model.manifest.name === name)?.manifest
      equal(licence, manifest?.licence)
      equal(
        bytes,
        manifest?.files.reduce((sum, file) => sum + file.bytes, 0)
      )
    }
  })

  it('is the word of the sequencer alone, for its own mesh, and of no other message', () => {
    const stranger = nodeSigner(seed(3))
    for (const bytes of [
      signNotice(NOTICE, { mesh, signer: stranger }),
      signNotice(NOTICE, { mesh: OTHER_MESH, signer })
    ]) {
      throws(() => open(bytes), withCode('contracts.signature_invalid'))
    }
    throws(() => open(forged(NOTICE, { typ: OTHER_TYP })), withCode('contracts.typ_mismatch'))
  })

  it('is refused where any byte was changed', () => {
    const bytes = signNotice(NOTICE, { mesh, signer })
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice()
        changed[at] = (changed[at] ?? 0) ^ flip
        throws(() => open(changed))
      }),
      { numRuns: 60 }
    )
  })

  const model = NOTICE.models[0]
  const wrong: Readonly<Record<string, unknown>> = {
    'an unknown key': { ...NOTICE, more: 1 },
    'a missing purpose': { v: 1, models: [] },
    'another version': { ...NOTICE, v: 2 },
    'a purpose of several lines': { ...NOTICE, purpose: 'one\ntwo' },
    'words that run backwards': { ...NOTICE, purpose: 'safe \u202e gpj.exe' },
    'an endless purpose': { ...NOTICE, purpose: 'x'.repeat(PROSE_CHARS_MAX + 1) },
    'more models than people read': {
      ...NOTICE,
      models: Array.from({ length: NOTICE_MODELS_MAX + 1 }, () => model)
    },
    'a model that is no content id': { ...NOTICE, models: [{ ...model, cid: 'bafy' }] },
    'a model without a name': { ...NOTICE, models: [{ ...model, name: '' }] },
    'a size below zero': { ...NOTICE, models: [{ ...model, bytes: -1 }] }
  }
  for (const [what, document] of Object.entries(wrong)) {
    it(`is refused with ${what}`, () => {
      throws(() => open(forged(document)), withCode('notice.malformed'))
    })
  }

  it('is refused where it is longer than a page reads', () => {
    const bytes = new Uint8Array(NOTICE_BYTES_MAX + 1)
    throws(() => open(bytes), withCode('contracts.too_large'))
  })

  it('fits in its bound however long its words are', () => {
    const name = '\u{1f600}'.repeat(64)
    const models = Array.from({ length: NOTICE_MODELS_MAX }, (_, index) => ({
      ...{ cid: cidOfDocument(Uint8Array.of(index)), name, licence: name },
      bytes: Number.MAX_SAFE_INTEGER
    }))
    const notice: MeshNotice = { v: 1, purpose: '\u{1f600}'.repeat(PROSE_CHARS_MAX / 2), models }
    deepEqual(open(signNotice(notice, { mesh, signer })), notice)
  })

  it('leaves out a model whose name is no line, and models beyond its bound', () => {
    const [first] = MODELS
    if (first === undefined) throw new Error('no model comes with the package')
    const odd = { ...first, manifest: { ...first.manifest, name: 'two\nlines' } }
    deepEqual(noticeOf('', [odd, first]).models, noticeOf('', [first]).models)
    const many = Array.from({ length: NOTICE_MODELS_MAX + 5 }, () => first)
    equal(noticeOf('', many).models.length, NOTICE_MODELS_MAX)
  })

  it('takes any one line as a purpose, and none as well', () => {
    for (const words of ['', 'Vermessung der Gewässer', '図書館の文字起こし', 'a'.repeat(512)]) {
      equal(isPurpose(words), true, words)
    }
    for (const words of ['a\tb', 'a\u2028b', 'a'.repeat(513)]) equal(isPurpose(words), false, words)
  })
})
