/**
 * The ledger on its store: batches, signed heads, what is taken from peers and what is refused, and
 * every way in which a store can be broken.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import {
  type EntryContent,
  encodeCanonical,
  equalBytes,
  logIdOf,
  NO_PREVIOUS,
  packEntry,
  sha256,
  signHead
} from '#contracts'
import { Ledger, type LedgerBatch } from '#ledger'
import { KEY, LogKeys } from '../../ledger/store/keys.ts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  accepted,
  attested,
  authorA,
  CONTROL_LOG,
  chainOf,
  collected,
  controlSigner,
  everything,
  GENESIS,
  incarnationOf,
  memoryLevel,
  nodeA,
  nodeB,
  openControl,
  opening,
  openNode,
  type Run,
  receiptOf,
  reserved,
  rulesOf,
  SESSION,
  testGenesis,
  unitOf,
  voided
} from '../support/ledger-fixtures.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'

type Memory = MemoryLevel<Uint8Array, Uint8Array>
const memory = (): Memory => new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view' })
const run: Run = { unit: unitOf('a'), attempt: 1, node: nodeA }
const [model] = opening()
const one: EntryContent = model ?? attested(nodeA)

describe('a ledger', () => {
  it('opens the log of the control node with the genesis', async () => {
    const ledger = await openControl()
    const [first] = await collected(ledger.entries(ledger.ownLog, 0))
    equal(first?.kind, 'mesh.genesis')
    equal(ledger.ownLog, CONTROL_LOG)
    await ledger.close()
  })

  it('signs one head for all that is appended at once, in the order of the calls', async () => {
    const ledger = await openControl()
    const batches: LedgerBatch[] = []
    ledger.onEntries((batch) => batches.push(batch))
    const heads = await Promise.all(opening().map((content) => ledger.append([content])))
    equal(batches.length, 1)
    deepEqual(new Set(heads.map(({ seq }) => seq)), new Set([4]))
    deepEqual(
      batches[0]?.entries.map(({ kind }) => kind),
      opening().map(({ kind }) => kind)
    )
    await ledger.close()
  })

  it('splits an entry that is too large into entries that are not', async () => {
    const ledger = await openControl()
    const runs = Array.from({ length: 900 }, (_, index) => ({ ...run, unit: unitOf(index) }))
    const path = Array.from({ length: 32 }, () => new Uint8Array(32))
    const receipts = runs.map((of) => ({ ...receiptOf(of), path }))
    await ledger.append([...opening(), reserved(runs, 0), accepted(runs, { receipts })])
    const last = await collected(ledger.entries(ledger.ownLog, 6))
    deepEqual(
      last.map(({ kind }) => kind),
      ['units.accepted', 'units.accepted']
    )
    deepEqual(ledger.fold.rejectionCounts(), [['receipt_path', 900]])
    await ledger.close()
  })

  it('refuses one entry that is too large and goes on with the next', async () => {
    const ledger = await openControl()
    const large: EntryContent = {
      kind: 'mesh.genesis',
      body: { genesis: new Uint8Array(2 * 1024 * 1024) }
    }
    const [first, second] = await Promise.allSettled([
      ledger.append([one, large]),
      ledger.append([one])
    ])
    equal(first?.status, 'rejected')
    equal(second?.status, 'fulfilled')
    equal(ledger.head(ledger.ownLog)?.seq, 1)
    await ledger.close()
  })

  it('has the same state after it was opened again, refused receipts and shapes included', async () => {
    const level = memory()
    const ledger = await openControl({ level })
    const forged = { ...receiptOf(run), index: 7 }
    await ledger.append([
      ...opening(),
      reserved([run, { ...run, attempt: 2 }]),
      accepted([run], { receipts: [forged] }),
      voided([run]),
      accepted([{ ...run, attempt: 2 }])
    ])
    const digest = ledger.fold.digest()
    const history = await ledger.history(SESSION)
    deepEqual(rulesOf(ledger), ['receipt_path'])
    await ledger.close()
    const again = await openControl({ level })
    equal(again.fold.digest(), digest)
    deepEqual(rulesOf(again), ['receipt_path'])
    deepEqual(await again.history(SESSION), history)
    deepEqual((await again.verify()).faults, [])
    await again.close()
  })

  it('tells a session’s history from its entries', async () => {
    const ledger = await openControl()
    const second = { ...run, attempt: 2, node: nodeB }
    const other = { ...run, unit: unitOf('b') }
    await ledger.append([
      ...opening(),
      reserved([run, second, other]),
      accepted([run]),
      voided([second], { reason: 'redundant' }),
      {
        kind: 'units.escalated',
        body: {
          session: SESSION,
          items: [{ from: other.unit, to: unitOf('c'), trigger: 'failure' }]
        }
      },
      {
        kind: 'units.ended',
        body: {
          session: SESSION,
          items: [
            {
              unit: unitOf('c'),
              status: 'failed',
              stop_reason: 'retry_exhausted',
              failure_class: 'execution',
              code: 'model.run_failed'
            }
          ]
        }
      }
    ])
    const history = await ledger.history(SESSION)
    const first = history?.units.get(run.unit)
    deepEqual(
      [first?.attempts, first?.accepted[0]?.costMicro, first?.voided[0]?.reason],
      [2, 1_000, 'redundant']
    )
    const waiting = history?.units.get(other.unit)
    deepEqual([waiting?.outstanding.length, waiting?.escalatedTo.length], [1, 1])
    equal(history?.units.get(unitOf('c'))?.ended?.stopReason, 'retry_exhausted')
    equal(history?.closed, null)
    equal(await ledger.history(`${SESSION.slice(0, -1)}9` as typeof SESSION), null)
    await ledger.close()
  })

  it('refuses appends and entries of others once it is closed', async () => {
    const ledger = await openControl()
    await ledger.close()
    await rejects(ledger.append([one]), withCode('ledger.closed'))
    await rejects(ledger.receive(new Uint8Array(), []), withCode('ledger.closed'))
  })

  it('appends nothing more after a write that failed', async () => {
    const level = memory()
    const ledger = await openControl({ level })
    const batch = level.batch.bind(level)
    Object.assign(level, { batch: () => Promise.reject(new Error('no space left on device')) })
    await rejects(ledger.append([one]), withCode('ledger.store_failed'))
    Object.assign(level, { batch })
    await rejects(ledger.append([one]), withCode('ledger.store_failed'))
    await ledger.close()
    const again = await openControl({ level })
    equal(again.head(again.ownLog)?.seq, 0)
    await again.close()
  })

  it('takes nothing more of others either: what follows a cut-off write could not be read again', async () => {
    const level = memory()
    const [control, node] = [await openControl(), await openNode(nodeA, { level })]
    await control.append(opening())
    const { head, entries } = await everything(control)
    const batch = level.batch.bind(level)
    Object.assign(level, { batch: () => Promise.reject(new Error('no space left on device')) })
    await rejects(node.receive(head, entries), withCode('ledger.store_failed'))
    Object.assign(level, { batch })
    await rejects(node.receive(head, entries), withCode('ledger.store_failed'))
    await node.close()
    const again = await openNode(nodeA, { level })
    equal(await again.receive(head, entries), entries.length)
    await Promise.all([control.close(), again.close()])
  })

  it('begins a new log where the store is new, and goes on with it where it is not', async () => {
    const level = memory()
    let asked = 0
    const incarnation = () => seed(40 + asked++)
    const first = await openNode(nodeA, { level, incarnation })
    await first.close()
    const second = await openNode(nodeA, { level, incarnation })
    equal(second.ownLog, first.ownLog)
    equal(asked, 1)
    await second.close()
    const elsewhere = await openNode(nodeA, { incarnation })
    ok(elsewhere.ownLog !== first.ownLog)
    await elsewhere.close()
  })
})

describe('a ledger that does not fit', () => {
  it('is not opened for another mesh', async () => {
    const level = memory()
    await (await openControl({ level })).close()
    const genesis = testGenesis({ name: 'other' })
    await rejects(openControl({ level, genesis }), withCode('ledger.other_mesh'))
  })

  it('is not ordered by a key that the genesis does not name', async () => {
    await rejects(openControl({ signer: nodeSigner(seed(99)) }), withCode('ledger.not_sequencer'))
  })

  it('is not begun anew where the control node has lost its store', async () => {
    await rejects(
      openControl({ incarnation: () => seed(77) }),
      withCode('ledger.sequencer_store_lost')
    )
  })

  it('is not folded by a policy that is unknown here', async () => {
    const genesis = testGenesis({ policies: { trust: 'astrology', scheduler: 'default' } })
    await rejects(openControl({ genesis }), withCode('ledger.policy_unknown'))
  })
})

describe('what a peer sends', () => {
  it('is kept byte for byte as it was received', async () => {
    const [control, node] = [await openControl(), await openNode()]
    await control.append(opening())
    const { head, entries } = await everything(control)
    equal(await node.receive(head, entries), 5)
    const kept = await everything(node, CONTROL_LOG)
    ok(kept.entries.every((raw, index) => equalBytes(raw, entries[index] ?? NO_PREVIOUS)))
    ok(equalBytes(kept.head, head))
    equal(node.fold.digest(), control.fold.digest())
    await Promise.all([control.close(), node.close()])
  })

  it('gives the same state in whatever pieces it comes, twice or overlapping', async () => {
    const [control, node] = [await openControl(), await openNode()]
    const pieces: { head: Uint8Array; from: number }[] = []
    for (const content of [...opening(), reserved([run]), accepted([run])]) {
      const from = (control.head(control.ownLog)?.seq ?? -1) + 1
      const { bytes } = await control.append([content])
      pieces.push({ head: bytes, from })
    }
    const { entries } = await everything(control)
    await node.receive(pieces[2]?.head ?? new Uint8Array(), entries.slice(0, 4))
    await node.receive(pieces[1]?.head ?? new Uint8Array(), entries.slice(0, 3))
    await node.receive(pieces[4]?.head ?? new Uint8Array(), entries.slice(1, 6))
    equal(await node.receive(pieces.at(-1)?.head ?? new Uint8Array(), entries), 1)
    equal(await node.receive(pieces.at(-1)?.head ?? new Uint8Array(), entries), 0)
    equal(node.fold.digest(), control.fold.digest())
    await Promise.all([control.close(), node.close()])
  })

  it('gives way between entries and receipts where its thread is wanted, with the same outcome', async () => {
    const runs = Array.from({ length: 20 }, (_, at): Run => ({ ...run, unit: unitOf(`u${at}`) }))
    const contents = [...opening(), reserved(runs), accepted(runs)]
    let asked = 0
    let waited = 0
    const breathe = () => {
      asked += 1
      return new Promise<void>((go) => {
        setImmediate(() => {
          waited += 1
          go()
        })
      })
    }
    const level = memory()
    const [control, node] = [await openControl(), await openNode(nodeA, { breathe, level })]
    await control.append(contents)
    const { head, entries } = await everything(control)
    // nothing that comes meanwhile gets between
    const both = [node.receive(head, entries), node.receive(head, entries)]
    deepEqual(await Promise.all(both), [entries.length, 0])
    equal(asked, entries.length + runs.length)
    equal(waited, asked)
    equal(node.fold.digest(), control.fold.digest())
    await node.close()
    const again = await openNode(nodeA, { breathe, level })
    equal(asked, 2 * entries.length + runs.length)
    equal(again.fold.digest(), control.fold.digest())
    await Promise.all([control.close(), again.close()])
  })

  const planted: Readonly<
    Record<string, (chain: ReturnType<typeof chainOf>) => Uint8Array[] | undefined>
  > = {
    'an entry that is left out': ({ entries }) => entries.filter((_, index) => index !== 1),
    'entries in another order': ({ entries }) => entries.toReversed(),
    'an entry that is there twice': ({ entries }) => entries.flatMap((raw) => [raw, raw]),
    'an entry that was encoded again otherwise': ({ entries }) =>
      entries.map((raw, index) => (index === 1 ? reEncoded(raw) : raw)),
    'an entry that was exchanged for another in its place': ({ entries }) => {
      const [first = new Uint8Array()] = entries
      const place = { log: logOfA.log, seq: 1, prev: sha256(first) }
      return entries.with(1, packEntry(attested(nodeA, nodeB.peerId), place).bytes)
    },
    'entries that end before the head': ({ entries }) => entries.slice(0, -1),
    'entries that go on after the head': ({ entries, end }) => [
      ...entries,
      ...chainOf([attested(nodeA)], authorA, end).entries
    ],
    'no entries at all': () => [],
    'a first entry whose `prev` is not nothing': () =>
      chainOf([attested(nodeA)], authorA, { seq: -1, hash: seed(5) }).entries,
    'an entry of another log': () =>
      chainOf([attested(nodeA)], { signer: nodeB, incarnation: seed(1) }).entries
  }
  for (const [name, plant] of Object.entries(planted)) {
    it(`is refused, and nothing of it stored: ${name}`, async () => {
      const node = await openNode(nodeB)
      const chain = chainOf([attested(nodeA), attested(nodeA), attested(nodeA)], authorA)
      await rejects(node.receive(chain.head, plant(chain) ?? []), (error) =>
        ['ledger.chain_broken', 'contracts.cbor_not_canonical'].includes(String(codeOf(error)))
      )
      equal(node.heads().length, 0)
      await node.close()
    })
  }

  it('is refused where its head is of another mesh, forged, or of a log that is not the signer’s', async () => {
    const node = await openNode(nodeB)
    const { entries, end } = chainOf([attested(nodeA)], authorA)
    const other = signHead(
      { incarnation: authorA.incarnation, ...end },
      { mesh: testGenesis({ name: 'other' }).id, signer: nodeA }
    )
    await rejects(node.receive(other.bytes, entries), withCode('contracts.signature_invalid'))
    const { head } = chainOf([attested(nodeA)], authorA)
    const flipped = head.map((byte, index) => (index === head.length - 1 ? byte ^ 1 : byte))
    await rejects(node.receive(flipped, entries), withCode('contracts.signature_invalid'))
    const stolen = chainOf([attested(nodeA)], { ...authorA, signer: controlSigner })
    await rejects(node.receive(stolen.head, entries), withCode('ledger.chain_broken'))
    await node.close()
  })

  it('is kept as evidence, and not taken, where an author signed two heads of one length', async () => {
    const level = memory()
    const node = await openNode(nodeB, { level })
    const first = chainOf([attested(nodeA)], authorA)
    const second = chainOf([attested(nodeA, nodeB.peerId)], authorA)
    await node.receive(first.head, first.entries)
    await rejects(node.receive(second.head, second.entries), withCode('ledger.conflict'))
    const { log } = logOfA
    deepEqual(node.forks.logs(), [log])
    const more = chainOf([attested(nodeA)], authorA, first.end)
    await rejects(node.receive(more.head, more.entries), withCode('ledger.conflict'))
    await node.close()
    const again = await openNode(nodeB, { level })
    deepEqual(again.forks.logs(), [log])
    const evidence = await level.get(new LogKeys(log).key(KEY.conflict, 0))
    const both = encodeCanonical({ v: 1, held: first.head, offered: second.head })
    ok(evidence !== undefined && equalBytes(evidence, both))
    await again.close()
  })

  it('is no conflict where an older head says the same', async () => {
    const node = await openNode(nodeB)
    const first = chainOf([attested(nodeA)], authorA)
    const second = chainOf([attested(nodeA)], authorA, first.end)
    await node.receive(second.head, [...first.entries, ...second.entries])
    equal(await node.receive(first.head, first.entries), 0)
    deepEqual(node.forks.logs(), [])
    await node.close()
  })

  it('shows a store that went back in time, which then begins a new log', async () => {
    const level = memory()
    const incarnation = () => seed(60)
    const before = await openNode(nodeA, { level, incarnation })
    const lost = chainOf([attested(nodeA)], { signer: nodeA, incarnation: seed(60) })
    await rejects(before.receive(lost.head, lost.entries), withCode('ledger.store_rolled_back'))
    await rejects(before.append([attested(nodeA)]), withCode('ledger.store_rolled_back'))
    await before.close()
    const after = await openNode(nodeA, { level, incarnation: () => seed(61) })
    ok(after.ownLog !== before.ownLog)
    await after.append([attested(nodeA)])
    await after.close()
  })

  it('is stored and refused by the fold where its kind or body means nothing', async () => {
    const node = await openNode(nodeB)
    const strange = chainOf(
      [one, Object.assign({}, one, { kind: 'coin.minted' }), Object.assign({}, one, { body: 7 })],
      { signer: controlSigner, incarnation: seed(9) }
    )
    equal(await node.receive(strange.head, strange.entries), 3)
    deepEqual(rulesOf(node), ['kind_unknown', 'body_malformed'])
    await node.close()
  })

  it('moves no money where another author than the sequencer says it', async () => {
    const [control, node] = [await openControl(), await openNode(nodeB)]
    const digest = node.fold.digest()
    const thief = chainOf([one, reserved([run])], authorA)
    await node.receive(thief.head, thief.entries)
    equal(node.fold.digest(), digest)
    deepEqual(
      node.fold.foreignRejections().map(({ rule }) => rule),
      ['unauthorised', 'unauthorised']
    )
    await Promise.all([control.close(), node.close()])
  })

  it('takes a bounded number of logs of strangers', async () => {
    const node = await openNode(nodeB)
    for (let at = 0; at < 1_000; at++) {
      const incarnation = sha256(Uint8Array.of(at & 255, at >> 8))
      const chain = chainOf([one], { signer: nodeA, incarnation })
      await node.receive(chain.head, chain.entries)
    }
    const chain = chainOf([one], { signer: nodeA, incarnation: seed(200) })
    await rejects(node.receive(chain.head, chain.entries), withCode('ledger.logs_full'))
    await node.close()
  })
})

const logOfA = { log: logIdOf(nodeA.peerId, incarnationOf(nodeA)) }

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/** The same map with a longer head for its first key: equal in meaning, other bytes. */
const reEncoded = (raw: Uint8Array): Uint8Array => Uint8Array.of(0xb8, 6, ...raw.subarray(1))

describe('a store that is broken', () => {
  const entryKey = (seq: number) => new LogKeys(CONTROL_LOG).key(KEY.entry, seq)
  const headKey = (seq: number) => new LogKeys(CONTROL_LOG).key(KEY.head, seq)
  const breaks: Readonly<Record<string, readonly [(level: Memory) => Promise<void>, number]>> = {
    'an entry is missing': [(level) => level.del(entryKey(2)), 2],
    'the first entry is missing': [(level) => level.del(entryKey(0)), 0],
    'the last entry is missing': [(level) => level.del(entryKey(6)), 6],
    'the last head is missing': [(level) => level.del(headKey(6)), 6],
    'a byte of an entry is flipped': [(level) => flip(level, entryKey(3), 20), 3],
    'a byte of the last entry is flipped': [(level) => flip(level, entryKey(6), 20), 6],
    'a byte of the last head is flipped': [(level) => flip(level, headKey(6), 200), 6],
    'a head stands at another place': [
      async (level) => level.put(headKey(7), (await level.get(headKey(6))) ?? NO_PREVIOUS),
      7
    ]
  }
  for (const [name, [plant, seq]] of Object.entries(breaks)) {
    it(`is not opened, and says where: ${name}`, async () => {
      const level = memory()
      const ledger = await openControl({ level })
      await ledger.append(opening())
      await ledger.append([reserved([run])])
      await ledger.append([accepted([run])])
      await ledger.close()
      await level.open()
      await plant(level)
      const before = await collected(level.iterator())
      await rejects(openControl({ level }), (error) => {
        if (!(error instanceof Error && 'facts' in error)) return false
        deepEqual(Object.assign({}, error.facts, { what: '' }), { what: '', log: CONTROL_LOG, seq })
        return withCode('ledger.store_corrupted')(error)
      })
      await level.open()
      deepEqual(await collected(level.iterator()), before)
      await level.close()
    })
  }

  it('is not opened where a key is none of ours', async () => {
    const level = memory()
    await (await openControl({ level })).close()
    await level.open()
    await level.put(Uint8Array.of(KEY.entry, 1), NO_PREVIOUS)
    await rejects(openControl({ level }), withCode('ledger.store_corrupted'))
  })

  it('is found by the full check where only an old head is forged', async () => {
    const level = memory()
    const ledger = await openControl({ level })
    await ledger.append(opening())
    await ledger.append([reserved([run])])
    await flip(level, headKey(4), 200)
    const report = await ledger.verify()
    equal(report.ok, false)
    equal(report.faults.length, 1)
    await ledger.close()
  })

  async function flip(level: Memory, key: Uint8Array, at: number): Promise<void> {
    const value = await level.get(key)
    ok(value !== undefined)
    await level.put(
      key,
      value.map((byte, index) => (index === at ? byte ^ 1 : byte))
    )
  }
})

describe('the port', () => {
  it('is opened by whoever was given it', async () => {
    const level = memoryLevel()
    const ledger = await Ledger.open({
      level,
      genesis: GENESIS,
      signer: nodeA,
      verifier: nodeVerifier,
      incarnation: () => seed(1),
      isSequencer: false
    })
    equal(ledger.heads().length, 0)
    await ledger.close()
  })
})
