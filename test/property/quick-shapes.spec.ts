/**
 * The quick checks of what arrives by the thousand: they say yes only to what zod takes exactly as it
 * is, and they do say yes to what honest nodes and gateways send.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  Attestation,
  cidOfBytes,
  ENTRY_BODIES,
  type EntryKind,
  isSurelyAttestation,
  isSurelyWorkUnit,
  leaseIdOf,
  peerIdFromPublicKey,
  WorkUnit
} from '#contracts'
import { isSurelyBody } from '../../contracts/quick-entries.ts'
import { unitOf } from '../support/mesh-units.ts'

const node = peerIdFromPublicKey(new Uint8Array(32).fill(7))
const blob = cidOfBytes(new Uint8Array(3))
const packed = unitOf('noop', {
  model: { cid: blob, handler: 'noop' },
  inputs: [{ name: 'in', cid: blob, dtype: 'float32', shape: [1, 2] }],
  output_schema: { type: 'object', properties: { a: { enum: [1, null, 'x'] } } },
  constraints: { region: 'eu', accelerators: ['gpu'] }
})
const lease = leaseIdOf(packed.id, 1, node)
const attestation = {
  v: 1,
  work_unit_id: packed.id,
  attempt: 1,
  lease_id: lease,
  node,
  model_cid: blob,
  input_cids: [blob],
  output_cid: blob,
  backend: { runtime: 'a', version: 'b', provider: 'c', device_class: 'd' },
  usage: { cpu_ms: 0.5, gpu_ms: 0, wall_ms: 1, tokens_in: 0, tokens_out: 2 },
  started_ms: 1,
  finished_ms: 2
}
const receipt = {
  item: new Uint8Array(5),
  index: 0,
  path: [new Uint8Array(32)],
  head: new Uint8Array(9)
}
const attempt = { unit: packed.id, attempt: 1, lease }
const session = packed.unit.execution_session_id
const reserved = {
  session,
  items: [
    { ...attempt, node, model: blob, input_bytes: 1, max_micro: 2, expires_at_ms: 3 },
    { ...attempt, node, model: null, input_bytes: 1, max_micro: 2, expires_at_ms: 3 }
  ]
}
const accepted = { session, items: [{ ...attempt, canonical: true, receipt }] }
const attested = {
  gateway: node,
  receipts: [receipt],
  verdicts: [{ lease_id: lease, verdict: 'accepted', reason: 'accepted', earned_micro: 1 }]
}

interface Subject {
  readonly name: string
  readonly sample: object
  readonly isSurely: (value: unknown) => boolean
  readonly parse: (value: unknown) => { readonly success: boolean; readonly data?: unknown }
}
const entry = (kind: EntryKind, sample: object): Subject => ({
  name: kind,
  sample,
  isSurely: (value) => isSurelyBody(kind, value),
  parse: (value) => ENTRY_BODIES[kind].safeParse(value)
})
const subjects: readonly Subject[] = [
  {
    name: 'a unit',
    sample: packed.unit,
    isSurely: isSurelyWorkUnit,
    parse: (value) => WorkUnit.safeParse(value)
  },
  {
    name: 'an attestation',
    sample: attestation,
    isSurely: isSurelyAttestation,
    parse: (value) => Attestation.safeParse(value)
  },
  entry('units.reserved', reserved),
  entry('units.accepted', accepted),
  entry('results.attested', attested)
]

/** Every place in a document, the root aside. */
function places(value: unknown): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const keys = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value)
  return keys.flatMap((key) => [
    [key],
    ...places(Reflect.get(value, key)).map((path) => [key, ...path])
  ])
}

type Change = 'replace' | 'remove' | 'add'

/** A copy with one place changed. */
function changed(value: unknown, path: readonly (string | number)[], how: Change, to: unknown) {
  const copy: unknown = structuredClone(value)
  let at: unknown = copy
  for (const key of path.slice(0, -1)) at = Reflect.get(Object(at), key)
  const last = path.at(-1) ?? 0
  if (how === 'replace') Reflect.set(Object(at), last, to)
  else if (how === 'add') Reflect.set(Object(at), Array.isArray(at) ? at.length : 'more', to)
  else if (Array.isArray(at)) at.splice(Number(last), 1)
  else Reflect.deleteProperty(Object(at), last)
  return copy
}

/** Without null prototypes: canonical CBOR never gives one, and zod does not keep it. */
const junk = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, 0, -0, -1, 1, 1.5, 22, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY],
    ...['', 'x', 'x'.repeat(128), 'x'.repeat(129), node, blob, packed.id, lease, session],
    ...[[], {}, [0], [null], [blob], [undefined], new Array(1), undefined, 1n, new Date(0)],
    ...[new Uint8Array(0), new Uint8Array(32), new Uint8Array(4_096), new Map()],
    ...['accepted', 'small_model', 'p0', 'quorum', 'float16', 'value'],
    ...[JSON.parse('{"__proto__":1}'), { level: 'exact' }, { level: 'numeric', rtol: 0, atol: 1 }]
  ),
  fc.anything()
)

describe('quick checks of shapes', () => {
  for (const { name, sample, isSurely, parse } of subjects) {
    it(`take ${name} as it is sent`, () => {
      ok(isSurely(sample))
      equal(parse(sample).success, true)
    })

    it(`say yes to ${name} only where zod gives back the same`, () => {
      const how = fc.constantFrom<Change>('replace', 'replace', 'replace', 'remove', 'add')
      fc.assert(
        fc.property(fc.constantFrom(...places(sample)), how, junk, (path, change, to) => {
          let value: unknown
          try {
            value = changed(sample, path, change, to)
          } catch {
            return
          }
          if (!isSurely(value)) return
          const { success, data } = parse(value)
          equal(success, true)
          deepEqual(data, value)
        }),
        { numRuns: 5_000 }
      )
    })
  }

  it('say no to what is no object at all', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const { isSurely } of subjects) equal(isSurely(value), false)
      })
    )
  })
})
