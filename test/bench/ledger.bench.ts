/**
 * How many entries a second does the ledger append, replicate, check and fold?
 *
 * On disk, without fdatasync, as the rivals: a bare classic-level loop in the same run, and
 * hypercore where BENCH_HYPERCORE names an installed copy (it is 200 MB, so it is no dependency).
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { z } from 'zod'
import { assert, type EntryContent, packEntry } from '#contracts'
import { LedgerFold, type PreparedEntry, prepareEntry, ReceiptChecker } from '#ledger'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  accepted,
  attestationOf,
  CONTROL_LOG,
  GENESIS,
  GRANT_MICRO,
  nodeA,
  openControl,
  opening,
  openNode,
  receiptsOf,
  reserved,
  unitOf
} from '../support/ledger-fixtures.ts'
import { isQuick, recordResult } from './report.ts'

const BATCH = 100
const ENTRIES = isQuick ? 1_000 : 50_000
const ROUNDS = isQuick ? 1 : 5
const PART = ENTRIES / ROUNDS
const UNITS = isQuick ? 500 : 50_000
const BUNDLE_BYTES = 512 * 1024
const root = mkdtempSync(join(tmpdir(), 'ledger-bench-'))
process.once('exit', () => rmSync(root, { recursive: true, force: true }))

let folders = 0
const folder = (): string => join(root, String(folders++))
const levelAt = (path: string) =>
  new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })

/** About 400 bytes as an entry. */
const small = (index: number): EntryContent => ({
  kind: 'node.observed',
  body: {
    node: nodeA.peerId,
    state: 'active',
    health_milli: index % 1_000,
    reason: 'r'.repeat(128)
  }
})
const contents = Array.from({ length: BATCH }, (_, index) => small(index))
const entry = packEntry(small(0), { log: CONTROL_LOG, seq: 1, prev: new Uint8Array(32) }).bytes

async function rate(count: number, work: () => Promise<void> | void): Promise<number> {
  const startMs = performance.now()
  await work()
  return (1_000 * count) / (performance.now() - startMs)
}

/** Runs each in turn, round after round, and gives the median of each: load falls on all alike. */
async function inTurn(
  works: Readonly<Record<string, () => Promise<unknown>>>
): Promise<Readonly<Record<string, number>>> {
  const rates: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(works)) {
      const found = await rate(PART, async () => {
        for (let at = 0; at < PART; at += BATCH) await work()
      })
      rates[name] = [...(rates[name] ?? []), found]
    }
  }
  return Object.fromEntries(
    Object.entries(rates).map(([name, found]) => [
      name,
      found.toSorted((a, b) => a - b)[found.length >> 1] ?? 0
    ])
  )
}

function bareLoop(level: ReturnType<typeof levelAt>): () => Promise<void> {
  let seq = 0
  return () =>
    level.batch(
      Array.from({ length: BATCH }, () => {
        const key = new Uint8Array(8)
        new DataView(key.buffer).setBigUint64(0, BigInt(seq++))
        return { type: 'put' as const, key, value: entry }
      })
    )
}

const Core = z.custom<{
  ready(): Promise<void>
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  get(index: number): Promise<Uint8Array>
  close(): Promise<void>
}>()
const Hypercore = z.custom<{ default: new (path: string) => z.infer<typeof Core> }>()

/** hypercore, or null where it is not to be had. */
async function openHypercore(): Promise<z.infer<typeof Core> | null> {
  const path: string | undefined = process.env['BENCH_HYPERCORE']
  if (path === undefined) return null
  const { default: Made } = Hypercore.parse(await import(path))
  const core = new Made(folder())
  await core.ready()
  return core
}

const bench = 'ledger'
const unit = 'entries/s'
const path = folder()
const ledger = await openControl({ level: levelAt(path), sync: false })
await ledger.append(opening())
const level = levelAt(folder())
const core = await openHypercore()
const blocks = Array.from({ length: BATCH }, () => Buffer.from(entry))
let before: Promise<unknown> = Promise.resolve()
const rates = await inTurn({
  one: () => ledger.append(contents),
  two: async () => {
    const next = ledger.append(contents)
    await before
    before = next
  },
  bare: bareLoop(level),
  ...(core === null ? {} : { hypercore: () => core.append(blocks) })
})
await before
const { one = 0, two = 0, bare = 0, hypercore: rival } = rates
const read =
  core === null
    ? undefined
    : await rate(PART, async () => {
        for (let at = 0; at < PART; at++) await core.get(at)
      })
await core?.close()
await level.close()
const beside = (value: number, name: string, figure: number | undefined, fallback: string) =>
  figure === undefined
    ? { bench, name, value, unit, rival: fallback }
    : { bench, name, value, unit, rival: 'hypercore', ratio: value / figure }
const notInstalled = 'hypercore (not installed)'
const withBare = { bench, unit, rival: 'classic-level, neither chained nor signed' }
recordResult({ ...withBare, name: 'append, 100 at a time', value: one, ratio: one / bare })
recordResult(beside(one, 'append, 100 at a time', rival, notInstalled))
recordResult(beside(two, 'append, 100 at a time, two callers', rival, notInstalled))

const node = await openNode(nodeA, { level: levelAt(folder()), sync: false })
const total = (ledger.head(CONTROL_LOG)?.seq ?? -1) + 1
const replicated = await rate(total, async () => {
  for (let from = 0; from < total; ) {
    const bundle = await ledger.bundle(CONTROL_LOG, from, BUNDLE_BYTES)
    assert(bundle !== null, 'the log is held')
    from += await node.receive(bundle.head, bundle.entries)
  }
})
assert(node.fold.digest() === ledger.fold.digest(), 'a replica has the same state')
recordResult({ bench, name: 'replicate with all checks, fold included', value: replicated, unit })
await node.close()
const checked = await rate(total, async () => {
  assert((await ledger.verify()).ok, 'the store is whole')
})
recordResult(beside(checked, 'replay with every check', read, notInstalled))
await ledger.close()
const opened = await rate(total, async () => {
  const again = await openControl({ level: levelAt(path), sync: false })
  await again.close()
})
recordResult(beside(opened, 'open: chains checked, folded', read, notInstalled))

/** Reservations and posts of units, 100 to an entry, each batch of receipts under one signature. */
function* moneyOf(count: number): Generator<EntryContent> {
  for (let at = 0; at < count; at += BATCH) {
    const runs = Array.from({ length: BATCH }, (_, index) => ({
      unit: unitOf(at + index),
      attempt: 1,
      node: nodeA
    }))
    const receipts = receiptsOf(
      runs.map((run) => attestationOf(run)),
      nodeA
    )
    yield reserved(runs, 1)
    yield accepted(runs, { receipts })
  }
}

function prepareAll(all: readonly EntryContent[]): readonly PreparedEntry[] {
  const checker = new ReceiptChecker({ mesh: GENESIS.id, verifier: nodeVerifier })
  let prev: Uint8Array = new Uint8Array(32)
  return all.map((content, seq) => {
    const made = packEntry(content, { log: CONTROL_LOG, seq, prev })
    prev = made.hash
    return prepareEntry(made, checker)
  })
}

const money = [...opening(GRANT_MICRO), ...moneyOf(UNITS)]
let prepared: readonly PreparedEntry[] = []
const verified = await rate(UNITS, () => {
  prepared = prepareAll(money)
})
recordResult({
  bench,
  name: 'pack and verify receipts, 100 to a batch',
  value: verified,
  unit: 'receipts/s'
})
const foldAll = (): string => {
  const fold = new LedgerFold(GENESIS, CONTROL_LOG)
  for (const part of prepared) fold.apply(part)
  fold.assertBalanced()
  assert(fold.rejectionCounts().length === 0, 'nothing was refused')
  return fold.digest()
}
const first = foldAll()
const folded = await rate(2 * UNITS, () => {
  assert(foldAll() === first, 'a replay has the same state')
})
recordResult({ bench, name: 'fold of verified entries', value: folded, unit: 'transfers/s' })

const moneyPath = folder()
const books = await openControl({ level: levelAt(moneyPath), sync: false })
const booked = await rate(2 * UNITS, async () => {
  for (const content of money) await books.append([content])
})
recordResult({
  bench,
  name: 'append units reserved and accepted, checked',
  value: booked,
  unit: 'events/s'
})
await books.close()
const rebuilt = await rate(2 * UNITS, async () => {
  const again = await openControl({ level: levelAt(moneyPath), sync: false })
  assert(again.fold.sessions()[0]?.attempts.posted === UNITS, 'all of it is there')
  await again.close()
})
recordResult({ bench, name: 'rebuild state of units from disk', value: rebuilt, unit: 'events/s' })
