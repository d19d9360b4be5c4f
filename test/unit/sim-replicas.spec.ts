/** Replicas of a simulated mesh: each of their checkers is shown its fault, and runs have none. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import {
  type EntryContent,
  encodeCanonical,
  encodeSyncFrame,
  FORK_PROOF_BYTES_MAX,
  GOSSIP_BYTES_MAX,
  hexToBytes,
  LEDGER_BATCH_ENTRIES_MAX,
  type LogId,
  logIdOf,
  MeshError,
  NO_PREVIOUS,
  openSyncFrame,
  packEntry,
  SYNC_FAULTS_MAX,
  signHead
} from '#contracts'
import { type Holder, ReplicaBook, TOLD_MS } from '../../sim/checks/replica-book.ts'
import { SPREAD_MS } from '../../sim/checks/told-book.ts'
import { Chance } from '../../sim/kernel/chance.ts'
import { Keys } from '../../sim/kernel/signing.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { peerOf } from '../../sim/nodes/names.ts'
import { LedgerHost } from '../../sim/replicas/ledger-host.ts'
import { drawLies } from '../../sim/replicas/lies.ts'
import { ReplicaDisk } from '../../sim/replicas/replica-disk.ts'
import { turn } from '../../sim/replicas/turn-driver.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario } from '../../sim/world/scenario.ts'
import { Sequencer } from '../../sim/world/sequencer.ts'

const PORTS = {
  goesOn: async () => true,
  matrixOf: shippedMatrix,
  wallMs: () => 0,
  rssMb: () => 0
}
const run = (changes: object, seed = 1) => {
  const small = { claim: 'a test', nodes: 8, units: 40, arrive_over_ms: 20_000 }
  const scenario = Scenario.parse({ ...small, ...changes })
  return runScenario({ name: 'test', scenario, seed }, PORTS)
}

const INCARNATION = new Uint8Array(32).fill(3)
const AUTHOR = peerOf(1, 0)
const KEYS = new Keys('hash', 1)
const LOG = logIdOf(AUTHOR, INCARNATION)
const MESH = new Sequencer(new Uint8Array(32)).genesis.id

const said = (health_milli: number): EntryContent => ({
  kind: 'node.observed',
  body: { node: AUTHOR, state: 'active', health_milli, reason: 'a test' }
})

/** A host with a ledger of its own and no links; `write` ends what its disk is at. */
const hostOf = (
  book: ReplicaBook,
  kind: 'keeps' | 'tears',
  write: (done: () => void) => void
): LedgerHost =>
  new LedgerHost(AUTHOR, {
    number: 1,
    genesis: new Sequencer(new Uint8Array(32)).genesis,
    keys: KEYS,
    incarnation: null,
    book,
    disk: { kind, chance: new Chance(1, 'test'), after: write },
    nowMs: () => 0,
    after: () => {},
    publish: () => {}
  })

/** A log that says one thing after another. */
function logOf(...says: readonly number[]) {
  const entries: ReturnType<typeof packEntry>[] = []
  for (const [seq, health] of says.entries()) {
    const prev = entries.at(-1)?.hash ?? NO_PREVIOUS
    entries.push(packEntry(said(health), { log: LOG, seq, prev }))
  }
  return entries
}

type Log = ReturnType<typeof logOf>

function batchOf(log: Log, from: number, to = log.length) {
  const entries = log.slice(from, to)
  const { seq = 0, hash = NO_PREVIOUS } = entries.at(-1) ?? {}
  const signer = KEYS.signerOf(AUTHOR)
  return {
    head: signHead({ incarnation: INCARNATION, seq, hash }, { mesh: MESH, signer }),
    entries
  }
}

class Story {
  nowMs = 0
  readonly rules: string[] = []
  readonly book = new ReplicaBook({
    nowMs: () => this.nowMs,
    mesh: MESH,
    verifier: KEYS,
    broken: (rule) => this.rules.push(rule)
  })

  constructor(...written: readonly Log[]) {
    for (const [face, log] of written.entries()) {
      if (face > 0) this.book.forks(LOG)
      this.book.stored(this.holder('author', { face, log: LOG }), batchOf(log, 0))
    }
  }

  holder(name: string, { face = 0, log = logIdOf(peerOf(9, 0), INCARNATION) } = {}): Holder {
    return { name: `${name}${face}`, face, identity: { log }, ledger: null }
  }
}

const conflict = () => new MeshError('ledger.conflict', { log: LOG, seq: 1, hash: '' })
const TRUE = logOf(1, 2, 3)
const OTHER = logOf(1, 2, 4, 5)

/** Of what both logs say at their third place. */
const proofOf = (one: Log, other: Log): Uint8Array => {
  const [held, offered] = [one, other].map((log) => batchOf(log, 0, 3).head.bytes)
  return encodeCanonical({ v: 1, held, offered })
}
const PROOF = proofOf(TRUE, OTHER)

describe('the book of replicas', () => {
  it('sees a replica that holds what the author did not write', () => {
    const story = new Story(TRUE)
    const replica = story.holder('a')
    story.book.stored(replica, batchOf(TRUE, 0, 2))
    deepEqual(story.rules, [])
    story.book.stored(replica, batchOf(OTHER, 2, 3))
    deepEqual(story.rules, ['prefix'])
  })

  it('sees a replica that holds half of one log and half of another', () => {
    const story = new Story(TRUE, OTHER)
    const replica = story.holder('a')
    story.book.stored(replica, batchOf(TRUE, 0, 3))
    deepEqual(story.rules, [])
    story.book.stored(replica, batchOf(OTHER, 3, 4))
    deepEqual(story.rules, ['prefix'])
  })

  it('sees an entry that was passed over, and one that comes again', () => {
    const story = new Story(TRUE)
    story.book.stored(story.holder('a'), batchOf(TRUE, 0, 1))
    story.book.stored(story.holder('a'), batchOf(TRUE, 2, 3))
    deepEqual(story.rules, ['prefix'])
    story.book.stored(story.holder('a'), batchOf(TRUE, 1, 2))
    deepEqual(story.rules, ['prefix', 'never_back'])
  })

  it('sees a store that has not what it had', async () => {
    const opened = async (heads: number, lied = false): Promise<readonly string[]> => {
      const story = new Story(TRUE)
      story.book.stored(story.holder('a'), batchOf(TRUE, 0, 3))
      const ledger = {
        heads: () => TRUE.slice(heads - 1, heads).map(({ log, seq, hash }) => ({ log, seq, hash })),
        async *entries() {},
        forks: Object.assign(Object.create(null), { logs: () => [] })
      }
      await story.book.opened(story.holder('a'), ledger, lied)
      return story.rules
    }
    deepEqual(await opened(3), [])
    deepEqual(await opened(2), ['never_back'])
    deepEqual(await opened(2, true), [])
  })

  it('sees a second log whose store has less, though the first got an empty disk', async () => {
    const story = new Story(TRUE)
    for (const face of [0, 1]) story.book.stored(story.holder('a', { face }), batchOf(TRUE, 0, 3))
    story.book.emptied(story.holder('a').name)
    const forks = Object.assign(Object.create(null), { logs: () => [] })
    const empty = { heads: () => [], async *entries() {}, forks }
    await story.book.opened(story.holder('a'), empty)
    deepEqual(story.rules, [])
    await story.book.opened(story.holder('a', { face: 1 }), empty)
    deepEqual(story.rules, ['never_back'])
  })

  it('sees an author accused who said one thing', () => {
    const story = new Story(TRUE)
    story.book.told(story.holder('a'), { log: LOG, proof: PROOF })
    deepEqual(story.rules, ['nobody_accused', 'proof_holds'])
  })

  it('sees an accusation without a proof', () => {
    const told = (proof: Uint8Array): readonly string[] => {
      const story = new Story(TRUE, OTHER)
      story.book.told(story.holder('a'), { log: LOG, proof })
      return story.rules
    }
    deepEqual(told(PROOF), [])
    deepEqual(told(Uint8Array.of(0xa0)), ['proof_holds'])
    const nobodys = proofOf(TRUE, logOf(1, 2, 9))
    deepEqual(told(nobodys), ['proof_holds'], 'its author wrote nothing of the kind')
  })

  it('sees that something was refused as a fork, and nothing kept', () => {
    const story = new Story(TRUE, OTHER)
    story.book.refused(story.holder('a'), conflict())
    deepEqual(story.rules, ['proof_holds'])
  })

  it('sees a proof that a store has no more', async () => {
    const opened = async (logs: readonly LogId[], lied = false): Promise<readonly string[]> => {
      const story = new Story(TRUE, OTHER)
      story.book.told(story.holder('a'), { log: LOG, proof: PROOF })
      const forks = Object.assign(Object.create(null), {
        logs: () => logs,
        proof: async () => PROOF
      })
      await story.book.opened(
        story.holder('a'),
        { heads: () => [], async *entries() {}, forks },
        lied
      )
      return story.rules
    }
    deepEqual(await opened([LOG]), [])
    deepEqual(await opened([]), ['proof_kept'])
    deepEqual(await opened([], true), [])
  })

  it('sees that more is taken of who forked', () => {
    const story = new Story(TRUE, OTHER)
    const holder = story.holder('a')
    story.book.stored(holder, batchOf(TRUE, 0, 2))
    story.book.told(holder, { log: LOG, proof: PROOF })
    story.book.stored(holder, batchOf(TRUE, 2, 3))
    deepEqual(story.rules, ['forked_frozen'])
  })

  it('sees that of two who are linked, or are there in the end, one does not learn of it', () => {
    const story = new Story(TRUE, OTHER)
    const [a, b] = [story.holder('a'), story.holder('b')]
    for (const holder of [a, b]) story.book.stored(holder, batchOf(TRUE, 0))
    story.book.told(a, { log: LOG, proof: PROOF })
    story.book.linked(a, b, 0)
    story.nowMs += SPREAD_MS
    story.book.linked(a, b, 0)
    deepEqual(story.rules, [])
    equal(story.book.lacking([a, b]), b)
    equal(story.book.lacking([b]), undefined)
    story.nowMs += 1
    story.book.linked(a, b, 0)
    deepEqual(story.rules, ['fork_spread'])
    story.book.told(b, { log: LOG, proof: PROOF })
    equal(story.book.lacking([a, b]), undefined)
  })

  it('sees two that are linked and say nothing of what cannot both be right', () => {
    const linkedFor = (ms: number, isTold = false): readonly string[] => {
      const story = new Story(TRUE, OTHER)
      const [a, b] = [story.holder('a'), story.holder('b')]
      story.book.stored(a, batchOf(TRUE, 0))
      story.book.stored(b, batchOf(OTHER, 0))
      story.book.linked(a, b, 0)
      if (isTold) story.book.told(a, { log: LOG, proof: PROOF })
      story.nowMs += ms
      story.book.linked(a, b, 0)
      return story.rules
    }
    deepEqual(linkedFor(TOLD_MS), [])
    deepEqual(linkedFor(TOLD_MS + 1), ['fork_told'])
    deepEqual(linkedFor(TOLD_MS + 1, true), [])
  })

  it('sees a torn store that is opened, and a whole one that is not', () => {
    const story = new Story(TRUE)
    story.book.untold(story.holder('a'))
    story.book.unopened(story.holder('a'), 'ledger.store_corrupted')
    deepEqual(story.rules, ['damage_told', 'store_opens'])
  })
})

describe('the disk of a replica', () => {
  const [key, value] = [Uint8Array.of(2), Uint8Array.of(1)]
  const puts = [2, 3].map((byte) => ({ type: 'put' as const, key: Uint8Array.of(byte), value }))
  const BINARY = { keyEncoding: 'view', valueEncoding: 'view' } as const

  for (const [kind, isThere, isTorn] of [
    ['keeps', [true, true], false],
    ['forgets', [false, false], false],
    ['tears', [true, false], true]
  ] as const) {
    it(`${kind} the write that was under way when its process went`, async () => {
      const disk = new ReplicaDisk({ kind, chance: new Chance(1, 'test'), after: () => {} })
      const level = disk.begin()
      level.opened()
      void level.batch(puts, { ...BINARY, sync: true })
      equal(disk.cut(), isTorn)
      const after = disk.begin()
      const found = [await after.get(key, BINARY), await after.get(Uint8Array.of(3), BINARY)]
      deepEqual(
        found.map((one) => one !== undefined),
        isThere
      )
    })
  }

  it('has less than it said where it lied, and never less than a store', async () => {
    const written: (() => void)[] = []
    const after = (done: () => void): void => void written.push(done)
    const disk = new ReplicaDisk({ kind: 'rolls_back', chance: new Chance(1, 'test'), after })
    let level = disk.begin()
    await level.batch(puts.slice(0, 1), { ...BINARY, sync: true })
    level.opened()
    const writing = level.batch(puts.slice(1), { ...BINARY, sync: true })
    for (const done of written) done()
    await writing
    for (let life = 0; life < 20; life++) {
      disk.cut()
      level = disk.begin()
    }
    ok((await level.get(key, BINARY)) !== undefined)
    equal(await level.get(Uint8Array.of(3), BINARY), undefined)
  })
})

describe('a host that writes two logs', () => {
  it('begins one anew where its disk tore: the second is over, and nothing went back', async () => {
    const { book, rules } = new Story()
    const written: (() => void)[] = []
    const host = hostOf(book, 'tears', (done) => written.push(done))
    const forked = host.log
    await host.begin()
    const begun = host.fork(new Set([2]), [[said(1)], [said(2)]])
    await turn()
    await begun
    for (const done of written.splice(0)) done()
    await turn()
    equal(host.processes.length, 2)
    host.append([said(3)])
    await turn()
    host.stop()
    await host.begin()
    book.throwFailure()
    deepEqual(rules, [])
    equal(host.isForked, false)
    equal(host.processFor(2), host.processFor(3))
    notEqual(host.log, forked)
  })
})

describe('a first log whose peers hold the second', () => {
  it('is not asked for again without end, and nobody is blamed for it', async () => {
    const { book, rules } = new Story()
    const host = hostOf(book, 'keeps', (done) => done())
    await host.begin()
    await host.fork(new Set([2]), [[said(1)], [said(2), said(3)]])
    for (let more = 0; more < 5; more++) await turn()
    const [first, second] = host.processes
    const log = hexToBytes(host.log)
    let hear: (raw: Uint8Array) => void = () => {}
    let [asked, isOpen] = [0, true]
    first?.attach({
      peer: peerOf(9, 0),
      send: (raw) => {
        const frame = openSyncFrame(raw)
        if (frame.t !== 'want') return true
        asked += 1
        void second?.ledger?.bundle(host.log, frame.from, 1_000).then((bundle) => {
          if (bundle === null) return
          const place = { v: 1, t: 'bundle', log, from: frame.from } as const
          hear(encodeSyncFrame({ ...place, head: bundle.head, entries: [...bundle.entries] }))
        })
        return true
      },
      drained: async () => {},
      onFrame: (listener) => {
        hear = listener
      },
      onClose: () => {},
      close: async () => {
        isOpen = false
      }
    })
    for (let times = 0; times < 2 * SYNC_FAULTS_MAX; times++) {
      hear(encodeSyncFrame({ v: 1, t: 'heads', heads: [[log, 1, log]], more: false }))
      for (let more = 0; more < 5; more++) await turn()
    }
    book.throwFailure()
    deepEqual([rules, asked, isOpen], [[], 2 * SYNC_FAULTS_MAX, true])
  })
})

describe('what one that forks says', () => {
  it('is one thing in each log, or more in the second: at times too much for a message', () => {
    for (const who of ['sequencer', 'node'] as const) {
      const chance = new Chance(1, 'test')
      const sizes = new Set<number>()
      for (let fork = 0; fork < 50; fork++) {
        const [first = [], second = []] = drawLies(AUTHOR, who, chance)
        equal(first.length, 1)
        ok(second.length <= LEDGER_BATCH_ENTRIES_MAX)
        sizes.add(second.length)
        if (second.length <= 2) continue
        const place = { log: LOG, seq: 0, prev: NO_PREVIOUS }
        const bytes = second.reduce((sum, lie) => sum + packEntry(lie, place).bytes.length, 0)
        ok(bytes > GOSSIP_BYTES_MAX && bytes < FORK_PROOF_BYTES_MAX, `${bytes} bytes`)
      }
      equal(sizes.size, 3)
    }
  })
})

describe('replicas in a simulated mesh', function () {
  this.timeout(60_000)

  it('hold what the sequencer has, whatever becomes of links, processes and disks', async () => {
    for (const disk of ['keeps', 'forgets', 'tears', 'rolls_back']) {
      const { violations, replicas } = await run({
        replicas: { nodes: 3, disk, write_ms: 300 },
        vanish: [{ at_ms: 12_000, share_per_mille: 700, back_after_ms: 5_000 }],
        partitions: [{ from_ms: 20_000, until_ms: 40_000, share_per_mille: 500 }],
        crashes: [{ at_ms: 15_000, down_ms: 2_000, disk: 'forgets' }]
      })
      deepEqual(violations, [], disk)
      ok((replicas?.entries ?? 0) > 300, disk)
    }
  })

  it('all hear of a sequencer and of a node that write two logs', async () => {
    for (const who of ['sequencer', 'node']) {
      const fork = { at_ms: 12_000, who, share_per_mille: 500 }
      const { violations, replicas } = await run({ replicas: { nodes: 5, fork } }, 2)
      deepEqual(violations, [], who)
      // all six but the author of it: nobody needs to have compared it with the other
      equal(replicas?.forks_told, 5, who)
    }
  })

  it('are shown the second log, one of them at least, however small the share', async () => {
    const fork = { at_ms: 12_000, share_per_mille: 0 }
    const { violations, replicas } = await run({ replicas: { nodes: 3, fork } }, 2)
    deepEqual([violations, replicas?.forks_told], [[], 3])
  })

  it('are the same in every run of a seed', async () => {
    const trouble = { replicas: { nodes: 3, disk: 'tears', write_ms: 300 }, quorum_per_mille: 300 }
    deepEqual(await run(trouble), await run(trouble))
  })

  it('come to hold all over links that are slow and break often', async () => {
    const { violations } = await run({
      units: 100,
      arrive_over_ms: 60_000,
      latency: { rtt_ms: 2_000 },
      network: { loss_per_mille: 150 },
      replicas: { nodes: 4, write_ms: 300 }
    })
    deepEqual(violations, [])
  })

  it('are said to be behind where a disk is slower than the log grows', async () => {
    const { violations } = await run({ replicas: { nodes: 1, write_ms: 60_000 } })
    deepEqual(
      violations.map(({ rule }) => rule),
      ['replicas_follow']
    )
  })

  for (const share_per_mille of [500, 1_000]) {
    it(`follow each log that ${share_per_mille} of 1000 are shown of a sequencer's two, or are said not to`, async () => {
      const fork = { at_ms: 12_000, who: 'sequencer', share_per_mille }
      const crashes = [{ at_ms: 15_000, down_ms: 2_000, disk: 'keeps' }]
      const rulesWith = async (write_ms: number) => {
        const { violations } = await run({ replicas: { nodes: 3, write_ms, fork }, crashes })
        return violations.map(({ rule }) => rule)
      }
      // where all are shown the second, nobody is there to tell who writes the first of their logs
      deepEqual(await rulesWith(2), [])
      deepEqual(await rulesWith(60_000), ['replicas_follow'])
    })
  }

  it('are refused where there are more of them than nodes, or nobody to be shown a fork', () => {
    const of = (replicas: object) =>
      Scenario.safeParse({ claim: 'c', nodes: 2, units: 1, replicas }).success
    deepEqual(
      [of({ nodes: 2 }), of({ nodes: 3 }), of({ fork: { at_ms: 1 } }), of({ disk: 'melts' })],
      [true, false, false, false]
    )
  })
})
