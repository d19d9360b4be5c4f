/**
 * What is told of a fork: that it is taken from its bytes alone and kept, who passes it on and how, and
 * that nobody can be accused of what he did not sign, nor a store be filled with strangers' forks.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import fc from 'fast-check'
import {
  encodeCanonical,
  encodeSyncFrame,
  FORK_PROOF_BYTES_MAX,
  GOSSIP_BYTES_MAX,
  hexToBytes,
  type LogId,
  logIdOf,
  MeshError,
  openSyncFrame,
  type Signer,
  SYNC_FAULTS_MAX,
  SYNC_LATE_MS,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame
} from '#contracts'
import { type Ledger, type LedgerSync, openForkProof, SyncMachine } from '#ledger'
import { KEY, LogKeys } from '../../ledger/store/keys.ts'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  attested,
  authorA,
  CONTROL_LOG,
  chainOf,
  collected,
  GENESIS,
  memoryLevel,
  nodeA,
  nodeB,
  openControl,
  opening,
  openNode,
  testGenesis
} from '../support/ledger-fixtures.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'
import { Gossip, type LinkEnd, linkPair, until } from '../support/sync-pair.ts'

const nodeC = nodeSigner(seed(7))
const nodeD = nodeSigner(seed(8))
const log = logIdOf(nodeA.peerId, authorA.incarnation)
const common = chainOf([attested(nodeA)], authorA)
const one = chainOf([attested(nodeA)], authorA, common.end)
const other = chainOf([attested(nodeA, nodeB.peerId)], authorA, common.end)
const after = chainOf([attested(nodeA)], authorA, other.end)
const PROOF = encodeCanonical({ v: 1, held: one.head, offered: other.head })
/** Of two lengths. */
const LONG_PROOF = encodeCanonical({
  v: 1,
  held: one.head,
  offered: after.head,
  entries: [...other.entries.slice(1), ...after.entries]
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function holding(signer: Signer, level = memoryLevel()): Promise<Ledger> {
  const ledger = await openNode(signer, { level })
  open.push(ledger)
  if (ledger.head(log) === null && ledger.ownLog !== log) {
    await ledger.receive(common.head, common.entries)
  }
  return ledger
}

describe('a ledger that is told of a fork', () => {
  it('takes nothing more of that log, also after a restart', async () => {
    const level = memoryLevel()
    const ledger = await holding(nodeB, level)
    deepEqual([await ledger.forks.take(PROOF), await ledger.forks.take(PROOF)], ['new', 'known'])
    await rejects(ledger.receive(one.head, one.entries), withCode('ledger.conflict'))
    await ledger.close()
    const again = await holding(nodeB, level)
    deepEqual(again.forks.logs(), [log])
    await rejects(again.receive(one.head, one.entries), withCode('ledger.conflict'))
    const kept = await again.forks.proof(log)
    ok(kept !== null)
    equal(openForkProof(kept, { mesh: GENESIS.id, verifier: nodeVerifier }).log, log)
  })

  it('is not opened where what it keeps of a fork was damaged', async () => {
    const level = memoryLevel()
    const ledger = await holding(nodeB, level)
    await ledger.forks.take(PROOF)
    await ledger.close()
    const key = new LogKeys(log).key(KEY.conflict, 0)
    await level.open()
    const put = { type: 'put', key, value: PROOF.with(-1, (PROOF.at(-1) ?? 0) ^ 1) } as const
    await level.batch([put], { keyEncoding: 'view', valueEncoding: 'view', sync: true })
    await level.close()
    await rejects(openNode(nodeB, { level }), withCode('ledger.store_corrupted'))
  })

  it('keeps nothing of a log that is neither held nor registered', async () => {
    const ledger = await openNode(nodeB)
    open.push(ledger)
    equal(await ledger.forks.take(PROOF), 'strange')
    deepEqual(ledger.forks.logs(), [])
    await ledger.receive(common.head, common.entries)
    equal(await ledger.forks.take(PROOF), 'new')
  })

  it('takes it of a registered log that it does not hold, and never begins to', async () => {
    const level = memoryLevel()
    const ledger = await openControl({ level })
    open.push(ledger)
    await ledger.append(opening())
    equal(await ledger.forks.take(PROOF), 'new')
    await rejects(ledger.receive(common.head, common.entries), withCode('ledger.conflict'))
    equal(ledger.head(log), null)
  })

  it('lets the log join the order no further, and keeps what had joined', async () => {
    const ledger = await openControl()
    open.push(ledger)
    await ledger.append(opening())
    await ledger.receive(common.head, common.entries)
    await until(() => ledger.fold.joinedHead(log)?.seq === 0, 'the head is sequenced')
    await ledger.forks.take(PROOF)
    await ledger.append(opening())
    const joins = (await collected(ledger.entries(CONTROL_LOG, 0))).filter(
      (entry) => entry.kind === 'head.sequenced'
    )
    deepEqual([joins.length, ledger.fold.joinedHead(log)?.seq], [1, 0])
  })

  it('does not let it join where it is registered only after that', async () => {
    const ledger = await openControl()
    open.push(ledger)
    await ledger.receive(common.head, common.entries)
    await ledger.forks.take(PROOF)
    await ledger.append(opening())
    await ledger.append(opening())
    equal(ledger.fold.joinedHead(log), null)
  })

  it('of its own, ends its log: its store went back in time, and the next log is another', async () => {
    const level = memoryLevel()
    const ledger = await holding(nodeA, level)
    await ledger.append([attested(nodeA)])
    await rejects(ledger.forks.take(PROOF), withCode('ledger.store_rolled_back'))
    await rejects(ledger.append([attested(nodeA)]), withCode('ledger.store_rolled_back'))
    await ledger.close()
    const again = await openNode(nodeA, { level, incarnation: () => seed(77) })
    open.push(again)
    ok(again.ownLog !== log)
    deepEqual(again.forks.logs(), [log])
    await again.append([attested(nodeA)])
  })

  const forger = { signer: nodeC, incarnation: seed(30) }
  const further = chainOf([attested(nodeA)], authorA, one.end)
  /** The number 1 in two bytes: as valid CBOR, and not as we write it. */
  const wide = (proof: Uint8Array): Uint8Array => {
    const at = proof.findIndex((byte, index) => byte === 0x76 && proof[index + 1] === 0x01)
    return Uint8Array.from([...proof.slice(0, at + 1), 0x18, ...proof.slice(at + 1)])
  }
  const hostile: Readonly<Record<string, Uint8Array>> = {
    'is empty': new Uint8Array(),
    'is cut short': PROOF.slice(0, -1),
    'goes on behind its end': Uint8Array.from([...PROOF, 0]),
    'is written in another way': wide(PROOF),
    'names one head twice': encodeCanonical({ v: 1, held: one.head, offered: one.head }),
    'names a head that goes on from the other': encodeCanonical({
      v: 1,
      held: one.head,
      offered: further.head,
      entries: further.entries
    }),
    'has entries of nobody’s head': encodeCanonical({
      v: 1,
      held: one.head,
      offered: further.head,
      entries: after.entries
    }),
    'names another author': encodeCanonical({
      v: 1,
      held: one.head,
      offered: chainOf([attested(nodeA)], forger).head
    }),
    'is of a later version': encodeCanonical({ v: 2, held: one.head, offered: other.head }),
    'says more than it should': encodeCanonical({
      v: 1,
      held: one.head,
      offered: other.head,
      why: 'because'
    }),
    'is too large': encodeCanonical({
      v: 1,
      held: one.head,
      offered: other.head,
      entries: Array.from({ length: 3 }, () => new Uint8Array(1024 * 1024))
    })
  }
  for (const [what, proof] of Object.entries(hostile)) {
    it(`believes nothing that ${what}`, async () => {
      const ledger = await holding(nodeB)
      await rejects(ledger.forks.take(proof), MeshError)
      deepEqual(ledger.forks.logs(), [])
      const sync = new Gossip().join(nodeB.peerId, ledger)
      open.push(sync)
      equal(sync.forks.validate(proof), 'reject')
    })
  }

  it('believes nothing that was signed for another mesh', async () => {
    const genesis = testGenesis({ name: 'another' })
    const ledger = await openNode(nodeB, { genesis })
    open.push(ledger)
    await rejects(ledger.forks.take(PROOF), withCode('contracts.signature_invalid'))
  })

  it('accuses nobody of whatever one log says, heads and entries in any order', async () => {
    const ledger = await holding(nodeB)
    const heads = [common]
    for (let more = 0; more < 5; more++) {
      heads.push(chainOf([attested(nodeA)], authorA, heads.at(-1)?.end ?? common.end))
    }
    const entries = heads.flatMap((batch) => batch.entries)
    const place = fc.nat(heads.length - 1)
    fc.assert(
      fc.property(fc.record({ held: place, offered: place, from: place, to: place }), (of) => {
        const between = entries.slice(Math.min(of.from, of.to), Math.max(of.from, of.to) + 1)
        const two = { v: 1, held: heads[of.held]?.head, offered: heads[of.offered]?.head }
        for (const value of [two, { ...two, entries: between }]) {
          try {
            ledger.forks.open(encodeCanonical(value))
            return false
          } catch (error) {
            if (!(error instanceof MeshError)) throw error
          }
        }
        return true
      }),
      { numRuns: 500 }
    )
  })

  it('believes no proof of which one byte is another', async () => {
    const ledger = await holding(nodeB)
    for (const proof of [PROOF, LONG_PROOF]) {
      const change = fc.tuple(fc.nat(proof.length - 1), fc.integer({ min: 1, max: 255 }))
      fc.assert(
        fc.property(change, ([at, by]) => {
          const changed = proof.with(at, (proof[at] ?? 0) ^ by)
          try {
            ledger.forks.open(changed)
            return false
          } catch (error) {
            return error instanceof MeshError
          }
        }),
        { numRuns: 300 }
      )
    }
  })
})

interface Member {
  readonly signer: Signer
  readonly ledger: Ledger
  readonly sync: LedgerSync
  readonly refused: string[]
}

async function member(gossip: Gossip, signer: Signer, level = memoryLevel()): Promise<Member> {
  const ledger = await holding(signer, level)
  const refused: string[] = []
  const onRefused = ({ error }: { readonly error: MeshError }): void => {
    refused.push(error.code)
  }
  const sync = gossip.join(signer.peerId, ledger, { onRefused })
  open.push(sync)
  return { signer, ledger, sync, refused }
}

function link(a: Member, b: Member): readonly [LinkEnd, LinkEnd] {
  const ends = linkPair(a.signer.peerId, b.signer.peerId)
  a.sync.attach(ends[0])
  b.sync.attach(ends[1])
  return ends
}

const knows = ({ ledger }: Member): boolean => ledger.forks.has(log)
const kindsOf = ({ sent }: LinkEnd): readonly string[] => sent.map((raw) => openSyncFrame(raw).t)
const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('those who hear of a fork', () => {
  it('hear it once, from who found it, in one message', async () => {
    const gossip = new Gossip()
    const [finder, second, third] = [
      await member(gossip, nodeB),
      await member(gossip, nodeC),
      await member(gossip, nodeD)
    ]
    await finder.ledger.receive(one.head, one.entries)
    await rejects(finder.ledger.receive(other.head, []), withCode('ledger.conflict'))
    await until(() => [second, third].every(knows), 'all know')
    deepEqual(gossip.proofs, [PROOF])
    deepEqual([second.refused, third.refused], [[], []])
  })

  it('hand on what is true and new, ignore what they know, and reject what shows nothing', async () => {
    const { sync, ledger } = await member(new Gossip(), nodeB)
    equal(sync.forks.validate(PROOF), 'accept')
    sync.forks.deliver(PROOF, nodeC.peerId)
    equal(sync.forks.validate(LONG_PROOF), 'ignore', 'the first is on its way to the disk')
    await until(() => ledger.forks.has(log), 'it is kept')
    equal(sync.forks.validate(PROOF), 'ignore')
    const stranger = { signer: nodeD, incarnation: seed(31) }
    const [a, b] = [nodeA, nodeB].map((to) => chainOf([attested(nodeD, to.peerId)], stranger))
    const strange = encodeCanonical({ v: 1, held: a?.head, offered: b?.head })
    equal(sync.forks.validate(strange), 'ignore')
    equal(
      sync.validate(encodeCanonical({ v: 1, t: 'news', head: one.head, entries: [] })),
      'ignore'
    )
  })

  it('learn it over a link where they were not there to hear it, and tell on', async () => {
    const gossip = new Gossip()
    gossip.isUp = false
    const [first, second, third] = [
      await member(gossip, nodeB),
      await member(gossip, nodeC),
      await member(gossip, nodeD)
    ]
    await first.ledger.forks.take(PROOF)
    link(second, third)
    link(first, second)
    await until(() => [second, third].every(knows), 'who came later knows')
    deepEqual(gossip.proofs, [], 'what was told is not told to all again')
  })

  it('are shown over links what is too long for a message', async () => {
    const gossip = new Gossip()
    const [finder, second] = [await member(gossip, nodeB), await member(gossip, nodeC)]
    link(finder, second)
    await finder.ledger.receive(one.head, one.entries)
    await until(() => second.ledger.head(log)?.seq === 1 || finder.ledger.head(log)?.seq === 1, '')
    const far = chainOf(
      Array.from({ length: 400 }, () => attested(nodeA)),
      authorA,
      other.end
    )
    const entries = [...other.entries, ...far.entries]
    await rejects(finder.ledger.receive(far.head, entries), withCode('ledger.conflict'))
    const size = (await finder.ledger.forks.proof(log))?.length ?? 0
    ok(size > GOSSIP_BYTES_MAX && size <= FORK_PROOF_BYTES_MAX, `${size} bytes`)
    await until(() => knows(second), 'the link carried it')
    deepEqual(gossip.proofs, [])
  })

  it('say nothing of forks where nobody forked', async () => {
    const gossip = new Gossip()
    const [a, b] = [await member(gossip, nodeB), await member(gossip, nodeC)]
    const ends = link(a, b)
    await a.ledger.receive(one.head, one.entries)
    await turns()
    const ofForks = ['forks', 'prove', 'proof']
    ok(ends.flatMap(kindsOf).every((kind) => !ofForks.includes(kind)))
    deepEqual(gossip.proofs, [])
  })
})

describe('a peer that tells of forks', () => {
  /** Says that an honest author forked, and shows something else each time that it is asked. */
  it('is let go after so many tales that show nothing, and nobody is accused', async () => {
    const honest = await member(new Gossip(), nodeB)
    const [toLiar, toHonest] = linkPair(nodeB.peerId, nodeC.peerId)
    honest.sync.attach(toHonest)
    const say = (frame: SyncFrame): boolean => toLiar.send(encodeSyncFrame(frame))
    const named: SyncFrame = { v: 1, t: 'forks', logs: [hexToBytes(log)] }
    toLiar.onFrame((raw) => {
      const frame = openSyncFrame(raw)
      if (frame.t !== 'prove') return
      const tale = { v: 1, held: common.head, offered: common.head }
      say({ v: 1, t: 'proof', log: frame.log, proof: encodeCanonical(tale) })
      say(named)
    })
    say(named)
    await until(() => !toHonest.isOpen, 'the link is closed')
    equal(honest.refused.length, SYNC_FAULTS_MAX)
    deepEqual(honest.ledger.forks.logs(), [])
  })

  it('is not believed where it shows another log’s fork for that one', async () => {
    const honest = await member(new Gossip(), nodeB)
    const stranger = { signer: nodeD, incarnation: seed(31) }
    const first = chainOf([attested(nodeD)], stranger)
    await honest.ledger.receive(first.head, first.entries)
    const theirs = logIdOf(nodeD.peerId, stranger.incarnation)
    await rejects(honest.sync.forks.take(theirs, PROOF), withCode('ledger.chain_broken'))
    deepEqual(honest.ledger.forks.logs(), [])
  })
})

describe('the sync machine, of forks', () => {
  const logs = [log, CONTROL_LOG]
  const machineOf = (start: { shunned?: LogId[]; provable?: LogId[] } = {}): SyncMachine =>
    new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG, ...start })
  const forks = (...of: readonly LogId[]): SyncFrame => ({
    v: 1,
    t: 'forks',
    logs: of.map(hexToBytes)
  })
  const prove = (of: LogId): SyncFrame => ({ v: 1, t: 'prove', log: hexToBytes(of) })
  type Effects = ReturnType<SyncMachine['step']>
  const sent = (effects: Effects, t: SyncFrame['t']): readonly number[] =>
    effects.flatMap((effect) =>
      effect.type === 'send' && effect.frame.t === t ? [effect.link] : []
    )
  const closed = (effects: Effects): readonly string[] =>
    effects.flatMap((effect) => (effect.type === 'close' ? [effect.reason] : []))

  it('asks each peer for one proof at a time, and another where none comes', () => {
    const machine = machineOf()
    for (const link of [1, 2]) machine.step({ type: 'opened', link, nowMs: 0 })
    const first = machine.step({ type: 'frame', link: 1, frame: forks(...logs), nowMs: 0 })
    deepEqual(sent(first, 'prove'), [1])
    const second = machine.step({ type: 'frame', link: 2, frame: forks(log), nowMs: 0 })
    deepEqual(sent(second, 'prove'), [], 'the other was asked for that one')
    const late = machine.step({ type: 'tick', nowMs: SYNC_WANT_TIMEOUT_MS })
    deepEqual(sent(late, 'prove'), [2], 'who is late is asked nothing more, and another is')
  })

  it('takes a proof that comes late, as over a slow link, and asks the next of that peer then', () => {
    const machine = machineOf()
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    machine.step({ type: 'frame', link: 1, frame: forks(...logs), nowMs: 0 })
    const lateMs = SYNC_WANT_TIMEOUT_MS + SYNC_LATE_MS - 1
    const ticks = [SYNC_WANT_TIMEOUT_MS, lateMs].flatMap((nowMs) =>
      machine.step({ type: 'tick', nowMs })
    )
    deepEqual([sent(ticks, 'prove'), closed(ticks)], [[], []])
    const frame = { v: 1, t: 'proof', log: hexToBytes(log), proof: PROOF } as const
    const came = machine.step({ type: 'frame', link: 1, frame, nowMs: lateMs })
    deepEqual(
      came.map(({ type }) => type),
      ['take']
    )
    const taken = { type: 'taken', link: 1, log, isPeersFault: false, nowMs: lateMs } as const
    deepEqual(sent(machine.step(taken), 'prove'), [1])
  })

  it('lets a peer go that does not show late either what it named', () => {
    const machine = machineOf()
    for (const link of [1, 2]) machine.step({ type: 'opened', link, nowMs: 0 })
    machine.step({ type: 'frame', link: 1, frame: forks(log), nowMs: 0 })
    const ticked = (nowMs: number) => closed(machine.step({ type: 'tick', nowMs }))
    deepEqual(ticked(SYNC_WANT_TIMEOUT_MS), [])
    deepEqual(ticked(SYNC_WANT_TIMEOUT_MS + SYNC_LATE_MS - 1), [])
    deepEqual(ticked(SYNC_WANT_TIMEOUT_MS + SYNC_LATE_MS), ['faults'])
    const next = machine.step({ type: 'frame', link: 2, frame: forks(log), nowMs: 200_000 })
    deepEqual(sent(next, 'prove'), [2])
  })

  it('asks another where who was asked goes away', () => {
    const machine = machineOf()
    for (const link of [1, 2]) {
      machine.step({ type: 'opened', link, nowMs: 0 })
      machine.step({ type: 'frame', link, frame: forks(log), nowMs: 0 })
    }
    deepEqual(sent(machine.step({ type: 'closed', link: 1, nowMs: 1 }), 'prove'), [2])
  })

  it('tells all, and tells again with digests who has not said that it knows', () => {
    const machine = machineOf()
    for (const link of [1, 2]) machine.step({ type: 'opened', link, nowMs: 0 })
    const told = machine.step({ type: 'forked', log, isProvable: true, nowMs: 0 })
    deepEqual(sent(told, 'forks'), [1, 2])
    machine.step({ type: 'frame', link: 1, frame: forks(log), nowMs: 0 })
    deepEqual(sent(machine.step({ type: 'tick', nowMs: 60_000 }), 'forks'), [2])
    deepEqual(sent(machine.step({ type: 'opened', link: 3, nowMs: 0 }), 'forks'), [3])
  })

  it('tells nobody of what it cannot show', () => {
    const machine = machineOf({ shunned: [log] })
    const opened = machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const asked = machine.step({ type: 'frame', link: 1, frame: prove(log), nowMs: 0 })
    deepEqual([sent(opened, 'forks'), closed(asked)], [[], ['unasked']])
  })

  it('closes the link of who shows what nobody asked for, or asks for more than it takes', () => {
    const machine = machineOf({ shunned: [log], provable: [log] })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const frame = { v: 1, t: 'proof', log: hexToBytes(log), proof: PROOF } as const
    deepEqual(closed(machine.step({ type: 'frame', link: 1, frame, nowMs: 0 })), ['unasked'])
    const asks = Array.from({ length: SYNC_WANTS_MAX + 1 }, () =>
      machine.step({ type: 'frame', link: 1, frame: prove(log), nowMs: 0 })
    ).flat()
    equal(asks.filter(({ type }) => type === 'show').length, SYNC_WANTS_MAX)
    deepEqual(closed(asks), ['too_many_requests'])
  })
})
