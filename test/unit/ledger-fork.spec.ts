/**
 * Two heads that cannot both be right: who is told of them, what is kept, and that what is kept shows it
 * to anybody who holds nothing else.
 */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { encodeCanonical, logIdOf } from '#contracts'
import { type Ledger, openForkProof } from '#ledger'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  attested,
  authorA,
  chainOf,
  GENESIS,
  nodeA,
  nodeB,
  openNode,
  testGenesis
} from '../support/ledger-fixtures.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'
import { Gossip, linkPair, until } from '../support/sync-pair.ts'

const log = logIdOf(nodeA.peerId, authorA.incarnation)
const common = chainOf([attested(nodeA)], authorA)
/** Two ways in which the author goes on. */
const short = chainOf([attested(nodeA)], authorA, common.end)
const long = chainOf(
  [attested(nodeA, nodeB.peerId), attested(nodeA), attested(nodeA)],
  authorA,
  common.end
)
const MESH = { mesh: GENESIS.id, verifier: nodeVerifier }

async function proofOf(ledger: Ledger): Promise<Uint8Array> {
  const proof = await ledger.forks.proof(log)
  await ledger.close()
  ok(proof !== null)
  return proof
}

describe('an author that says two things', () => {
  it('is told of by who holds less, and its peer is not blamed', async () => {
    const node = await openNode(nodeB)
    await node.receive(short.head, [...common.entries, ...short.entries])
    const after = chainOf(
      [attested(nodeA)],
      authorA,
      chainOf([attested(nodeA, nodeB.peerId)], authorA, common.end).end
    )
    await rejects(node.receive(after.head, after.entries), withCode('ledger.conflict'))
    deepEqual(node.forks.logs(), [log])
    equal(node.head(log)?.seq, 1, 'nothing of the other is taken')
    equal(openForkProof(await proofOf(node), MESH).log, log)
  })

  it('is told of by who holds more', async () => {
    const node = await openNode(nodeB)
    await node.receive(long.head, [...common.entries, ...long.entries])
    await rejects(node.receive(short.head, []), withCode('ledger.conflict'))
    const { held, offered } = openForkProof(await proofOf(node), MESH)
    deepEqual([held.seq, offered.seq], [3, 1])
  })

  it('is not, where entries lead to no head of its own', async () => {
    const node = await openNode(nodeB)
    await node.receive(short.head, [...common.entries, ...short.entries])
    const other = chainOf([attested(nodeA, nodeB.peerId)], authorA, common.end)
    const after = chainOf([attested(nodeA)], authorA, other.end)
    const further = chainOf([attested(nodeA)], authorA, short.end)
    await rejects(node.receive(further.head, after.entries), withCode('ledger.chain_broken'))
    deepEqual(node.forks.logs(), [])
    equal(await node.forks.proof(log), null)
    await node.close()
  })

  it('is itself told that its store went back in time, and begins another log', async () => {
    const node = await openNode(nodeA)
    await node.append([attested(nodeA, nodeB.peerId)])
    await rejects(node.receive(common.head, common.entries), withCode('ledger.store_rolled_back'))
    deepEqual(node.forks.logs(), [])
    await rejects(node.append([attested(nodeA)]), withCode('ledger.store_rolled_back'))
    await node.close()
  })
})

describe('two ledgers that hold two logs of one author', () => {
  it('find it over a link, whichever is longer, and stay linked', async () => {
    const gossip = new Gossip()
    const refused: string[] = []
    const [less, more] = [await openNode(nodeB), await openNode(nodeSigner(seed(9)))]
    await less.receive(short.head, [...common.entries, ...short.entries])
    await more.receive(long.head, [...common.entries, ...long.entries])
    const syncs = [less, more].map((ledger, index) =>
      gossip.join(index === 0 ? nodeB.peerId : nodeSigner(seed(9)).peerId, ledger, {
        onRefused: ({ error }) => refused.push(error.code)
      })
    )
    const ends = linkPair(nodeB.peerId, nodeSigner(seed(9)).peerId)
    for (const [index, sync] of syncs.entries()) {
      const end = ends[index]
      if (end !== undefined) sync.attach(end)
    }
    try {
      await until(() => less.forks.logs().length > 0, 'who holds less tells of it')
      deepEqual(refused, ['ledger.conflict'])
      ok(ends.every(({ isOpen }) => isOpen))
    } finally {
      for (const sync of syncs) await sync.close()
      for (const ledger of [less, more]) await ledger.close()
    }
  })
})

describe('the proof of a fork', () => {
  const after = chainOf(
    [attested(nodeA)],
    authorA,
    chainOf([attested(nodeA, nodeB.peerId)], authorA, common.end).end
  )
  const proof = { v: 1, held: short.head, offered: after.head, entries: after.entries }
  const open = (value: object, mesh = GENESIS.id) =>
    openForkProof(encodeCanonical(value), { mesh, verifier: nodeVerifier })

  it('shows what it says to who holds nothing else', () => {
    const { held, offered } = open(proof)
    deepEqual([held.bytes, offered.bytes], [short.head, after.head])
  })

  const stranger = { signer: nodeSigner(seed(9)), incarnation: seed(9) }
  const further = chainOf([attested(nodeA)], authorA, short.end)
  const refused: Readonly<Record<string, object>> = {
    'heads that say the same': { v: 1, held: short.head, offered: short.head },
    'heads of two authors': {
      v: 1,
      held: short.head,
      offered: chainOf([attested(nodeA)], stranger).head
    },
    'a head that goes on from the other': {
      ...proof,
      offered: further.head,
      entries: further.entries
    },
    'heads of two lengths and nothing between': { v: 1, held: short.head, offered: after.head },
    'entries that do not reach the head': { ...proof, entries: short.entries },
    'entries that are not the next': { ...proof, entries: long.entries.slice(2) }
  }
  for (const [what, value] of Object.entries(refused)) {
    it(`is none with ${what}`, () => throws(() => open(value), withCode('ledger.chain_broken')))
  }

  it('is none with a signature that is not the author’s, or is of another mesh', () => {
    const forged = short.head.with(-1, (short.head.at(-1) ?? 0) ^ 1)
    throws(() => open({ ...proof, held: forged }), withCode('contracts.signature_invalid'))
    const { id } = testGenesis({ name: 'other' })
    throws(() => open(proof, id), withCode('contracts.signature_invalid'))
  })
})
