/**
 * A fork over the real network: hosts in a row, each linked with the next alone. What one of them finds
 * all come to hold, those too who come later; what shows nothing is believed by nobody; and a whole node
 * says so where the author is its control node.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeCanonical, logIdOf, type MeshError, type PeerId } from '#contracts'
import { type Ledger, openForkProof } from '#ledger'
import { type AgentReport, linkLedger, type MeshNetwork, systemClock, type Topic } from '#mesh-node'
import { nodeSigner, nodeVerifier } from '../../mesh-node/keys/node-signer.ts'
import {
  attested,
  authorA,
  CONTROL_LOG,
  chainOf,
  controlSigner,
  GENESIS,
  nodeA,
  nodeB,
  opening,
  openNode
} from '../support/ledger-fixtures.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { wholeNode } from '../support/whole-node.ts'

const log = logIdOf(nodeA.peerId, authorA.incarnation)
const common = chainOf([attested(nodeA)], authorA)
const one = chainOf([attested(nodeA)], authorA, common.end)
const other = chainOf([attested(nodeA, nodeB.peerId)], authorA, common.end)

interface Host {
  readonly network: MeshNetwork
  readonly ledger: Ledger
  readonly forks: MeshError[]
}

describe('a fork, over the network', function () {
  this.timeout(60_000)
  let started: Started

  beforeEach(() => {
    started = new Started()
  })
  afterEach(() => started.endAll())

  /** Keeps the ledger, and knows of the log. */
  async function host(fill: number, bootstrap: readonly string[] = []): Promise<Host> {
    const network = await started.host(fill, { mesh: GENESIS.id, bootstrap })
    const ledger = started.add(await openNode(nodeSigner(seed(fill))), (one) => one.close())
    await ledger.receive(common.head, common.entries)
    const forks: MeshError[] = []
    const fatal: unknown[] = []
    const sync = linkLedger({
      network,
      ledger,
      verifier: nodeVerifier,
      clock: systemClock,
      onFork: (fork) => forks.push(fork),
      fatal: (error) => fatal.push(error)
    })
    started.add(sync, async (one) => {
      await one.close()
      if (fatal.length > 0) throw fatal[0]
    })
    return { network, ledger, forks }
  }

  const finds = async ({ ledger }: Host): Promise<void> => {
    await ledger.receive(one.head, one.entries)
    await rejects(ledger.receive(other.head, []), withCode('ledger.conflict'))
  }

  it('is known to all of a row, and to who comes to its end later', async () => {
    const first = await host(51)
    const second = await host(52, first.network.addresses())
    const third = await host(53, second.network.addresses())
    await until(() => second.network.peers().length >= 2, 'they are in a row')
    await finds(first)
    await until(() => third.ledger.forks.has(log), 'the end of the row knows')
    const late = await host(54, third.network.addresses())
    await until(() => late.ledger.forks.has(log), 'who came later knows')
    for (const { ledger, forks } of [first, second, third, late]) {
      const proof = await ledger.forks.proof(log)
      ok(proof !== null)
      equal(openForkProof(proof, { mesh: GENESIS.id, verifier: nodeVerifier }).log, log)
      deepEqual(
        forks.map(({ code, facts }) => [code, facts['author']]),
        [['ledger.conflict', nodeA.peerId]]
      )
    }
  })

  it('that nobody made is believed by nobody, and handed on by nobody', async () => {
    const liar = await started.host(51, { mesh: GENESIS.id })
    const near = await host(52, liar.addresses())
    const heard: PeerId[] = []
    const far = await started.host(53, { mesh: GENESIS.id, bootstrap: near.network.addresses() })
    const listen = (network: MeshNetwork, topic: Topic, heardFrom: (peer: PeerId) => void) =>
      network.subscribe(topic, {
        validate: () => 'accept',
        deliver: (_, from) => heardFrom(from)
      })
    listen(far, 'fork', (from) => heard.push(from))
    listen(liar, 'fork', () => {})
    let isThrough = false
    listen(near.network, 'work', () => {
      isThrough = true
    })
    await until(() => near.network.subscribers('fork').length === 2, 'all listen')
    await until(() => liar.subscribers('fork').length > 0, 'the liar is listened to')
    await until(() => liar.subscribers('work').length > 0, 'also on the other topic')
    await liar.publish('fork', encodeCanonical({ v: 1, held: one.head, offered: one.head }))
    await liar.publish('fork', encodeCanonical({ v: 1, held: one.head, offered: common.head }))
    await liar.publish('work', Uint8Array.of(1))
    await until(() => isThrough, 'what came before was judged')
    equal(near.ledger.forks.has(log), false)
    // what it finds itself it shows to all, whether gossip hands on to them yet or not
    await finds(near)
    await until(() => heard.length > 0, 'what is true is told')
    deepEqual(heard, [near.network.peerId])
  })

  it('of the control node is told to its operator by a whole node, and again at its next start', async () => {
    const control = { signer: controlSigner, incarnation: seed(9) }
    const genesis = { kind: 'mesh.genesis', body: { genesis: GENESIS.bytes } } as const
    const [left, right] = [opening(1), opening(2)].map((said) =>
      chainOf([genesis, ...said], control)
    )
    ok(left !== undefined && right !== undefined)
    const folder = await started.folder()
    const file = join(folder, 'genesis.cbor')
    await writeFile(file, GENESIS.bytes)
    const finder = await host(51)
    await finder.ledger.receive(left.head, left.entries)
    await rejects(finder.ledger.receive(right.head, []), withCode('ledger.conflict'))
    const reports: AgentReport[] = []
    const told = (): readonly MeshError[] =>
      reports.flatMap((report) => (report.type === 'forked' ? [report.fork] : []))
    const options = {
      dataDir: join(folder, 'node'),
      mesh: { kind: 'file', path: file },
      bootstrap: finder.network.addresses(),
      reports
    } as const
    const node = await wholeNode(started, options)
    await until(() => told().length > 0, 'it tells its operator')
    const { code, facts, hint } = told()[0] ?? {}
    deepEqual(
      [code, facts],
      ['ledger.sequencer_forked', { log: CONTROL_LOG, author: controlSigner.peerId }]
    )
    ok(hint?.includes('Stop this node'))
    deepEqual(node.status().forked, { logs: 1, sequencer: true })
    await node.stop()
    const alone = await wholeNode(started, { ...options, bootstrap: [] })
    deepEqual([told().length, alone.status().forked.sequencer], [2, true])
  })
})
