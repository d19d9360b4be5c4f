/**
 * Sync between ledgers: what crosses, who is asked, and what a lying or broken peer achieves.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  type EntryContent,
  encodeCanonical,
  encodeSyncFrame,
  hexToBytes,
  LEDGER_LOGS_MAX,
  type MeshError,
  openSyncFrame,
  type PeerId,
  type Signer,
  SYNC_BUNDLE_BYTES,
  SYNC_BUNDLE_BYTES_MIN,
  SYNC_BUNDLE_QUICK_MS,
  SYNC_FAULTS_MAX,
  SYNC_LATE_MS,
  SYNC_PEERS_MAX,
  SYNC_WANT_TIMEOUT_MS,
  SYNC_WANTS_MAX,
  type SyncFrame
} from '#contracts'
import { type Ledger, type LedgerSync, SyncMachine, type SyncPorts } from '#ledger'
import {
  attested,
  CONTROL_LOG,
  controlSigner,
  everything,
  nodeA,
  nodeB,
  openControl,
  opening,
  openNode
} from '../support/ledger-fixtures.ts'
import { Gossip, linkPair, until } from '../support/sync-pair.ts'

const observed = (index: number): EntryContent => ({
  kind: 'node.observed',
  body: {
    node: nodeA.peerId,
    state: 'active',
    health_milli: index % 1000,
    reason: 'heartbeat'.repeat(10)
  }
})

interface Member {
  readonly ledger: Ledger
  readonly sync: LedgerSync
  readonly peer: PeerId
  readonly refused: MeshError[]
}

const open: Member[] = []
afterEach(async () => {
  for (const { sync, ledger } of open.splice(0)) {
    await sync.close()
    await ledger.close()
  }
})

async function member(gossip: Gossip, signer: Signer): Promise<Member> {
  const ledger = signer === controlSigner ? await openControl() : await openNode(signer)
  const refused: MeshError[] = []
  const ports: Partial<SyncPorts> = { onRefused: ({ error }) => refused.push(error) }
  const sync = gossip.join(signer.peerId, ledger, ports)
  const made = { ledger, sync, peer: signer.peerId, refused }
  open.push(made)
  return made
}

function connect(a: Member, b: Member) {
  const [toB, toA] = linkPair(a.peer, b.peer)
  a.sync.attach(toB)
  b.sync.attach(toA)
  return [toB, toA] as const
}

const sameState = (a: Member, b: Member): boolean =>
  a.ledger.fold.digest() === b.ledger.fold.digest()

describe('ledger sync', () => {
  it('brings a node that joins to the state of the control node', async () => {
    const gossip = new Gossip()
    const control = await member(gossip, controlSigner)
    await control.ledger.append(opening())
    for (let at = 0; at < 10; at++) {
      await control.ledger.append(Array.from({ length: 100 }, (_, index) => observed(index)))
    }
    const node = await member(gossip, nodeA)
    const [toNode] = connect(control, node)
    await until(() => sameState(control, node), 'the node has the state')
    const held = await everything(node.ledger, CONTROL_LOG)
    const useful = held.entries.reduce((sum, raw) => sum + raw.length, 0)
    ok(useful / toNode.bytesSent >= 0.95, `${useful} useful bytes of ${toNode.bytesSent}`)
  })

  it('is done in one round trip of few bytes where nothing is missing', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    await control.ledger.append(opening())
    const { head, entries } = await everything(control.ledger)
    await node.ledger.receive(head, entries)
    const [toNode, toControl] = connect(control, node)
    await until(() => toControl.sent.length > 0 && toNode.sent.length > 0, 'both spoke')
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    deepEqual([toNode.sent.length, toControl.sent.length], [1, 1])
    ok(toNode.bytesSent + toControl.bytesSent <= 1_500)
  })

  it('spreads what is appended by gossip alone', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    const { head, entries } = await everything(control.ledger)
    await node.ledger.receive(head, entries)
    await control.ledger.append(opening())
    await until(() => sameState(control, node), 'gossip arrived')
  })

  it('says in one message what was appended within a moment', async () => {
    const gossip = new Gossip()
    const control = await member(gossip, controlSigner)
    const node = await member(gossip, nodeA)
    connect(control, node)
    await control.ledger.append(opening())
    await until(() => sameState(control, node), 'the node has caught up')
    gossip.messages.length = 0
    for (let index = 0; index < 5; index++) await control.ledger.append([observed(index)])
    await until(() => sameState(control, node), 'the node has heard of all')
    ok(gossip.messages.length < 5, `${gossip.messages.length} messages for five batches`)
  })

  it('fetches over a link what gossip lost or could not carry', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    connect(control, node)
    gossip.isUp = false
    await control.ledger.append(opening())
    gossip.isUp = true
    await control.ledger.append(Array.from({ length: 1000 }, (_, index) => observed(index)))
    await until(() => sameState(control, node), 'the gap is closed')
    ok(gossip.messages.every(({ length }) => length <= 64 * 1024))
    deepEqual(node.refused, [])
  })

  it('carries a node’s own log to the control node, which lets it join the order', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    await control.ledger.append(opening())
    connect(control, node)
    await node.ledger.append([attested(nodeA)])
    const joined = () => node.ledger.fold.joinedHead(node.ledger.ownLog)
    await until(() => joined()?.seq === 0, 'the head is sequenced')
    const kinds: string[] = []
    for await (const { kind } of control.ledger.ordered()) kinds.push(kind)
    deepEqual(kinds.slice(-2), ['head.sequenced', 'results.attested'])
  })

  it('reaches the same state through a third peer', async () => {
    const gossip = new Gossip()
    gossip.isUp = false
    const control = await member(gossip, controlSigner)
    const [middle, far] = [await member(gossip, nodeA), await member(gossip, nodeB)]
    await control.ledger.append(opening())
    connect(control, middle)
    await until(() => sameState(control, middle), 'the middle has it')
    connect(middle, far)
    await until(() => sameState(control, far), 'the far end has it')
  })

  it('goes on after a link that broke in the middle, from where it was', async () => {
    const gossip = new Gossip()
    gossip.isUp = false
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    await control.ledger.append(opening())
    for (let at = 0; at < 8; at++) {
      await control.ledger.append(Array.from({ length: 1000 }, (_, index) => observed(index)))
    }
    const [first] = connect(control, node)
    await until(() => (node.ledger.head(CONTROL_LOG)?.seq ?? 0) > 0, 'some of it is held')
    await first.close()
    const heldBefore = node.ledger.head(CONTROL_LOG)?.seq ?? 0
    ok(heldBefore < (control.ledger.head(CONTROL_LOG)?.seq ?? 0))
    const [, toControl] = connect(control, node)
    await until(() => sameState(control, node), 'all of it is held')
    const wants = toControl.sent.map(openSyncFrame).filter(({ t }) => t === 'want')
    ok(wants.every((frame) => frame.t === 'want' && frame.from > heldBefore))
  })
})

describe('a peer that lies', () => {
  it('is dropped when it sends what is no frame', async () => {
    const gossip = new Gossip()
    const node = await member(gossip, nodeA)
    const [toNode, toLiar] = linkPair(nodeA.peerId, nodeB.peerId)
    node.sync.attach(toNode)
    toLiar.send(Uint8Array.of(1, 2, 3))
    await until(() => !toNode.isOpen, 'the link is closed')
    equal(node.refused[0]?.code, 'contracts.cbor_malformed')
  })

  it('is dropped when it sends what nobody asked for', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    const { head, entries } = await everything(control.ledger)
    const [toNode, toLiar] = linkPair(nodeA.peerId, nodeB.peerId)
    node.sync.attach(toNode)
    const log = hexToBytes(CONTROL_LOG)
    toLiar.send(encodeSyncFrame({ v: 1, t: 'bundle', log, from: 0, head, entries }))
    await until(() => !toNode.isOpen, 'the link is closed')
    equal(node.ledger.head(CONTROL_LOG), null)
  })

  it('is dropped after it claimed logs it does not have, and costs a bounded number of requests', async () => {
    const gossip = new Gossip()
    const node = await member(gossip, nodeA)
    const [toNode, toLiar] = linkPair(nodeA.peerId, nodeB.peerId)
    toLiar.onFrame((raw) => {
      const frame = openSyncFrame(raw)
      if (frame.t !== 'want') return
      toLiar.send(encodeSyncFrame({ v: 1, t: 'none', log: frame.log, from: frame.from }))
    })
    node.sync.attach(toNode)
    const heads = Array.from({ length: 100 }, (_, index): [Uint8Array, number, Uint8Array] => [
      new Uint8Array(32).fill(index),
      2 ** 50,
      new Uint8Array(32)
    ])
    toLiar.send(encodeSyncFrame({ v: 1, t: 'heads', heads, more: false }))
    await until(() => !toNode.isOpen, 'the link is closed')
    const wants = toNode.sent.map(openSyncFrame).filter(({ t }) => t === 'want')
    ok(wants.length <= 16 + SYNC_FAULTS_MAX, `${wants.length} requests`)
  })

  it('is dropped when its answers are true and bring nothing of what it claims', async () => {
    const gossip = new Gossip()
    const [control, node] = [await member(gossip, controlSigner), await member(gossip, nodeA)]
    const { head, entries } = await everything(control.ledger)
    await node.ledger.receive(head, entries)
    const [toNode, toLiar] = linkPair(nodeA.peerId, nodeB.peerId)
    const log = hexToBytes(CONTROL_LOG)
    let wants = 0
    const claim = () => {
      const far: [Uint8Array, number, Uint8Array] = [log, 9_999, new Uint8Array(32)]
      toLiar.send(encodeSyncFrame({ v: 1, t: 'heads', heads: [far], more: false }))
    }
    toLiar.onFrame((raw) => {
      const frame = openSyncFrame(raw)
      if (frame.t !== 'want') return
      wants += 1
      if (wants > SYNC_FAULTS_MAX) return
      const place = { v: 1, log: frame.log, from: frame.from } as const
      toLiar.send(encodeSyncFrame({ ...place, t: 'bundle', head, entries }))
      claim()
    })
    node.sync.attach(toNode)
    claim()
    await until(() => !toNode.isOpen, 'the link is closed')
    equal(wants, SYNC_FAULTS_MAX)
    deepEqual([...new Set(node.refused.map(({ code }) => code))], ['ledger.chain_broken'])
  })

  it('cannot pass off gossip that is malformed or signed for another mesh', async () => {
    const gossip = new Gossip()
    const node = await member(gossip, nodeA)
    equal(node.sync.validate(Uint8Array.of(0xa0)), 'reject')
    equal(node.sync.validate(new Uint8Array(70_000)), 'reject')
    const news = { v: 1, t: 'news', head: new Uint8Array(100), entries: [] }
    equal(node.sync.validate(encodeCanonical(news)), 'reject')
  })

  it('is asked no more when an answer does not come', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    machine.step({ type: 'opened', link: 2, nowMs: 0 })
    const asked = machine.step({ type: 'heard', link: 1, log: CONTROL_LOG, seq: 5, nowMs: 0 })
    equal(asked.filter(({ type }) => type === 'send').length, 1)
    const also = machine.step({ type: 'heard', link: 2, log: CONTROL_LOG, seq: 5, nowMs: 1 })
    equal(also.filter(({ type }) => type === 'send').length, 0)
    const later = machine.step({ type: 'tick', nowMs: 15_000 })
    deepEqual(
      later.flatMap((effect) => (effect.type === 'send' ? [effect.link] : [])),
      [2]
    )
  })

  it('is given up when an answer does not come late either', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    machine.step({ type: 'heard', link: 1, log: CONTROL_LOG, seq: 5, nowMs: 0 })
    const closed = (nowMs: number) =>
      machine.step({ type: 'tick', nowMs }).filter(({ type }) => type === 'close')
    deepEqual(closed(SYNC_WANT_TIMEOUT_MS), [])
    deepEqual(closed(SYNC_WANT_TIMEOUT_MS + SYNC_LATE_MS - 1), [])
    deepEqual(closed(SYNC_WANT_TIMEOUT_MS + SYNC_LATE_MS), [
      { type: 'close', link: 1, reason: 'faults' }
    ])
  })

  it('is refused when it has more requests waiting than are allowed', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const frame = { v: 1, t: 'want', log: new Uint8Array(32), from: 0 } as const
    const effects = Array.from({ length: 17 }, () =>
      machine.step({ type: 'frame', link: 1, frame, nowMs: 0 })
    ).flat()
    equal(effects.filter(({ type }) => type === 'serve').length, 16)
    equal(effects.filter(({ type }) => type === 'close').length, 1)
  })

  const logNumber = (number: number): Uint8Array => {
    const bytes = new Uint8Array(32)
    new DataView(bytes.buffer).setUint32(0, number)
    return bytes
  }
  const logBytes = hexToBytes(CONTROL_LOG)
  const heads = (claims: readonly (readonly [Uint8Array, number])[], more = false) => ({
    v: 1 as const,
    t: 'heads' as const,
    more,
    heads: claims.map(([log, seq]): [Uint8Array, number, Uint8Array] => [
      log,
      seq,
      new Uint8Array(32)
    ])
  })

  it('takes no more peers than its bound, and says why it closes a link', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    for (let link = 1; link <= SYNC_PEERS_MAX; link++) {
      machine.step({ type: 'opened', link, nowMs: 0 })
    }
    const effects = machine.step({ type: 'opened', link: SYNC_PEERS_MAX + 1, nowMs: 0 })
    deepEqual(
      effects.filter(({ type }) => type === 'close' || type === 'send'),
      [{ type: 'close', link: SYNC_PEERS_MAX + 1, reason: 'too_many_peers' }]
    )
    machine.step({ type: 'closed', link: 1, nowMs: 0 })
    const later = machine.step({ type: 'opened', link: SYNC_PEERS_MAX + 2, nowMs: 0 })
    deepEqual(
      later.filter(({ type }) => type === 'close'),
      []
    )
  })

  it('closes the link of a peer that claims more logs than a mesh may have', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const claims = Array.from(
      { length: LEDGER_LOGS_MAX + 1 },
      (_, number) => [logNumber(number), 0] as const
    )
    const effects = machine.step({ type: 'frame', link: 1, frame: heads(claims), nowMs: 0 })
    deepEqual(
      effects.filter(({ type }) => type === 'close'),
      [{ type: 'close', link: 1, reason: 'faults' }]
    )
  })

  it('asks nobody for a log that was found in conflict, by heads or by news', () => {
    const machine = new SyncMachine({
      held: [],
      shunned: [CONTROL_LOG],
      provable: [],
      first: CONTROL_LOG
    })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const told = [
      ...machine.step({ type: 'frame', link: 1, frame: heads([[logBytes, 9]]), nowMs: 0 }),
      ...machine.step({ type: 'heard', link: 1, log: CONTROL_LOG, seq: 9, nowMs: 0 })
    ]
    deepEqual(
      told.filter(({ type }) => type === 'send'),
      []
    )
  })

  it('closes the link of a peer that answers what nobody asked', () => {
    for (const t of ['bundle', 'none'] as const) {
      const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
      machine.step({ type: 'opened', link: 1, nowMs: 0 })
      const place = { v: 1 as const, log: logBytes, from: 0 }
      const frame =
        t === 'none' ? { ...place, t } : { ...place, t, head: new Uint8Array(1), entries: [] }
      const effects = machine.step({ type: 'frame', link: 1, frame, nowMs: 0 })
      deepEqual(
        effects.filter(({ type }) => type === 'close'),
        [{ type: 'close', link: 1, reason: 'unasked' }],
        t
      )
    }
  })

  it('hears nothing of a link that is closed', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    machine.step({ type: 'closed', link: 1, nowMs: 0 })
    const effects = [
      ...machine.step({ type: 'frame', link: 1, frame: heads([[logBytes, 3]]), nowMs: 0 }),
      ...machine.step({ type: 'heard', link: 1, log: CONTROL_LOG, seq: 3, nowMs: 0 }),
      ...machine.step({ type: 'served', link: 1, nowMs: 0 })
    ]
    deepEqual(
      effects.filter(({ type }) => type !== 'timer'),
      []
    )
  })
})

describe('what an honest peer claims', () => {
  const other = new Uint8Array(32).fill(7)
  const heads: SyncFrame = {
    v: 1,
    t: 'heads',
    heads: [
      [hexToBytes(CONTROL_LOG), 9, other],
      [other, 5, other]
    ],
    more: false
  }
  const log = CONTROL_LOG
  const logsAsked = (effects: ReturnType<SyncMachine['step']>) =>
    effects.flatMap((effect) =>
      effect.type === 'send' && effect.frame.t === 'want' ? [effect.frame.log] : []
    )
  const opened = (...links: readonly number[]) => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: log })
    for (const link of links) machine.step({ type: 'opened', link, nowMs: 0 })
    return machine
  }

  it('is asked for when the sequencer’s log, which it waited for, was refused', () => {
    const machine = opened(1)
    const asked = machine.step({ type: 'frame', link: 1, frame: heads, nowMs: 0 })
    deepEqual(logsAsked(asked), [hexToBytes(log)])
    const answer = { v: 1, t: 'bundle', log: hexToBytes(log), from: 0, head: other } as const
    machine.step({ type: 'frame', link: 1, frame: { ...answer, entries: [] }, nowMs: 1 })
    const refused = { type: 'refused', link: 1, log, isPeersFault: false, nowMs: 2 } as const
    deepEqual(logsAsked(machine.step(refused)), [other])
  })

  it('is asked for when one of as many logs as are asked for at once was refused', () => {
    const machine = opened(1)
    const many = Array.from({ length: SYNC_WANTS_MAX + 1 }, (_, index) => {
      const claimed: [Uint8Array, number, Uint8Array] = [
        new Uint8Array(32).fill(index + 1),
        1,
        other
      ]
      return claimed
    })
    const frame: SyncFrame = { v: 1, t: 'heads', heads: many, more: false }
    const asked = logsAsked(machine.step({ type: 'frame', link: 1, frame, nowMs: 0 }))
    equal(asked.length, SYNC_WANTS_MAX)
    const answer = { v: 1, t: 'bundle', log: new Uint8Array(32).fill(1), from: 0 } as const
    const full: SyncFrame = { ...answer, head: other, entries: [] }
    const [apply] = machine.step({ type: 'frame', link: 1, frame: full, nowMs: 1 })
    ok(apply?.type === 'apply')
    const place = { link: 1, log: apply.log, isPeersFault: false, nowMs: 2 }
    const refused = machine.step({ type: 'refused', ...place })
    deepEqual(logsAsked(refused), [new Uint8Array(32).fill(SYNC_WANTS_MAX + 1)])
  })

  it('is asked for when another peer’s answer shows that log to be forked', () => {
    const machine = opened(1, 2)
    machine.step({ type: 'heard', link: 1, log, seq: 9, nowMs: 0 })
    const waits = machine.step({ type: 'frame', link: 2, frame: heads, nowMs: 0 })
    deepEqual(logsAsked(waits), [])
    const answer = { v: 1, t: 'bundle', log: hexToBytes(log), from: 0, head: other } as const
    machine.step({ type: 'frame', link: 1, frame: { ...answer, entries: [] }, nowMs: 1 })
    machine.step({ type: 'forked', log, isProvable: true, nowMs: 2 })
    const refused = { type: 'refused', link: 1, log, isPeersFault: false, nowMs: 2 } as const
    deepEqual(logsAsked(machine.step(refused)), [other])
  })

  it('is no more than it said: not to have what others were heard to have is no fault', () => {
    const closedAfter = (isSaid: boolean): boolean => {
      const machine = opened(1)
      const frame: SyncFrame = { v: 1, t: 'none', log: hexToBytes(log), from: 0 }
      const effects = Array.from({ length: SYNC_FAULTS_MAX }, (_, nowMs) => {
        if (isSaid) machine.step({ type: 'frame', link: 1, frame: heads, nowMs })
        else machine.step({ type: 'heard', link: 1, log, seq: 9, nowMs })
        return machine.step({ type: 'frame', link: 1, frame, nowMs })
      })
      return effects.flat().some(({ type }) => type === 'close')
    }
    deepEqual([closedAfter(true), closedAfter(false)], [true, false])
  })
})

describe('a slow link', () => {
  const log = hexToBytes(CONTROL_LOG)
  const wantsOf = (effects: ReturnType<SyncMachine['step']>) =>
    effects.flatMap((effect) =>
      effect.type === 'send' && effect.frame.t === 'want' ? [[effect.link, effect.frame.from]] : []
    )
  const claim: SyncFrame = { v: 1, t: 'heads', heads: [[log, 9, log]], more: false }
  const answer: SyncFrame = { v: 1, t: 'bundle', log, from: 0, head: log, entries: [] }
  const head = (seq: number) => ({ log: CONTROL_LOG, seq, hash: new Uint8Array(32) })

  /** One link was asked at 0 and has not answered in time. */
  function late(...others: readonly number[]) {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    for (const link of [1, ...others]) {
      machine.step({ type: 'opened', link, nowMs: 0 })
      machine.step({ type: 'frame', link, frame: claim, nowMs: 0 })
    }
    return { machine, overdue: machine.step({ type: 'tick', nowMs: SYNC_WANT_TIMEOUT_MS }) }
  }

  it('is not asked again for what is under way', () => {
    const { machine, overdue } = late()
    deepEqual(wantsOf(overdue), [])
    const again = machine.step({ type: 'frame', link: 1, frame: claim, nowMs: 20_000 })
    deepEqual(wantsOf(again), [])
  })

  it('brings the log though every answer is late', () => {
    const { machine } = late()
    const taken = machine.step({ type: 'frame', link: 1, frame: answer, nowMs: 40_000 })
    deepEqual(
      taken.map(({ type }) => type),
      ['apply']
    )
    const meanwhile = machine.step({ type: 'frame', link: 1, frame: claim, nowMs: 40_001 })
    deepEqual(wantsOf(meanwhile), [])
    machine.step({ type: 'held', head: head(5), nowMs: 40_002 })
    const applied = machine.step({ type: 'applied', link: 1, log: CONTROL_LOG, nowMs: 40_002 })
    deepEqual(wantsOf(applied), [[1, 6]])
  })

  it('takes nothing from the request that another link was sent instead', () => {
    const { machine, overdue } = late(2, 3)
    deepEqual(wantsOf(overdue), [[2, 0]])
    machine.step({ type: 'frame', link: 1, frame: answer, nowMs: 16_000 })
    machine.step({ type: 'held', head: head(5), nowMs: 16_001 })
    const applied = machine.step({ type: 'applied', link: 1, log: CONTROL_LOG, nowMs: 16_001 })
    deepEqual(wantsOf(applied), [])
    const other = machine.step({ type: 'frame', link: 2, frame: answer, nowMs: 16_002 })
    deepEqual(
      other.map(({ type }) => type),
      ['apply']
    )
  })

  it('is answered with little, with more while its peer soon asks again, and with less where it does not', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const bytesFor = (from: number, nowMs: number, asked = log): number => {
      const frame = { v: 1, t: 'want', log: asked, from } as const
      const effects = machine.step({ type: 'frame', link: 1, frame, nowMs })
      machine.step({ type: 'served', link: 1, nowMs })
      return effects.reduce((sum, one) => sum + (one.type === 'serve' ? one.bytesMax : 0), 0)
    }
    equal(bytesFor(0, 0), SYNC_BUNDLE_BYTES_MIN)
    equal(bytesFor(10, 100), 2 * SYNC_BUNDLE_BYTES_MIN)
    equal(bytesFor(10, 200), 2 * SYNC_BUNDLE_BYTES_MIN, 'the same again says nothing')
    equal(bytesFor(0, 300, new Uint8Array(32)), 2 * SYNC_BUNDLE_BYTES_MIN, 'nor does another log')
    for (let from = 1; from < 20; from++) bytesFor(from, 300 + from)
    equal(bytesFor(20, 400), SYNC_BUNDLE_BYTES)
    equal(bytesFor(30, 400 + SYNC_BUNDLE_QUICK_MS), SYNC_BUNDLE_BYTES)
    equal(bytesFor(40, 40_000), SYNC_BUNDLE_BYTES / 2)
    for (let from = 41; from < 60; from++) bytesFor(from, from * 20_000)
    equal(bytesFor(60, 1_200_000), SYNC_BUNDLE_BYTES_MIN)
  })

  it('is sent no more requests than its peer lets wait, the sequencer’s log among them', () => {
    const machine = new SyncMachine({ held: [], shunned: [], provable: [], first: CONTROL_LOG })
    machine.step({ type: 'opened', link: 1, nowMs: 0 })
    const heads = Array.from({ length: SYNC_WANTS_MAX }, (_, index) => {
      const claimed: [Uint8Array, number, Uint8Array] = [
        new Uint8Array(32).fill(index + 1),
        1,
        new Uint8Array(32)
      ]
      return claimed
    })
    const frame = { v: 1, t: 'heads', heads, more: false } as const
    const asked = machine.step({ type: 'frame', link: 1, frame, nowMs: 0 })
    equal(wantsOf(asked).length, SYNC_WANTS_MAX)
    const more = machine.step({ type: 'heard', link: 1, log: CONTROL_LOG, seq: 5, nowMs: 1 })
    deepEqual(wantsOf(more), [])
  })
})
