/** The inclusion and consistency vectors of transparency-dev: every verdict, failures included. */

import { equal } from 'node:assert/strict'
import { z } from 'zod'
import { verifyConsistency, verifyInclusionOfHash } from '#contracts'
import { fromBase64, readVectors } from '../support/vector-data.ts'

const Base64 = z.string().nullable()
const Proof = z.array(z.string()).nullable()
const common = { proof: Proof, desc: z.string(), wantErr: z.boolean(), name: z.string() }
/** Sizes in the failures go up to 2^64 - 1, which JSON reads as a float: that is hostile input too. */
const InclusionRow = z.strictObject({
  leafIdx: z.number(),
  treeSize: z.number(),
  root: Base64,
  leafHash: Base64,
  ...common
})
const ConsistencyRow = z.strictObject({
  size1: z.number(),
  size2: z.number(),
  root1: Base64,
  root2: Base64,
  ...common
})

describe('inclusion vectors', () => {
  const rows = readVectors('merkle-inclusion', InclusionRow)
  it('are all here', () => {
    equal(rows.length, 49)
  })
  for (const row of rows) {
    it(`${row.name} is ${row.wantErr ? 'refused' : 'taken'}`, () => {
      const verdict = verifyInclusionOfHash({
        index: row.leafIdx,
        size: row.treeSize,
        hash: fromBase64(row.leafHash ?? ''),
        proof: (row.proof ?? []).map(fromBase64),
        root: fromBase64(row.root ?? '')
      })
      equal(verdict, !row.wantErr)
    })
  }
})

describe('consistency vectors', () => {
  const rows = readVectors('merkle-consistency', ConsistencyRow)
  it('are all here', () => {
    equal(rows.length, 43)
  })
  for (const row of rows) {
    it(`${row.name} is ${row.wantErr ? 'refused' : 'taken'}`, () => {
      const verdict = verifyConsistency({
        firstSize: row.size1,
        secondSize: row.size2,
        firstRoot: fromBase64(row.root1 ?? ''),
        secondRoot: fromBase64(row.root2 ?? ''),
        proof: (row.proof ?? []).map(fromBase64)
      })
      equal(verdict, !row.wantErr)
    })
  }
})
