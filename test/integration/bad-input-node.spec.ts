/**
 * What a hostile node sends over a real link to a real gateway, beyond frames that are no messages
 * (`gateway.spec.ts`): refused by name, paid nothing, and the session ends as if it were not there.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  decodeValue,
  encodeValue,
  FRAME_BYTES_MAX,
  INLINE_BLOB_BYTES_MAX,
  type PackedUnit,
  type UnitOutcome
} from '#contracts'
import { balancesSumToZero } from '#ledger'
import { LINK_PROTOCOLS } from '#mesh-node'
import { bareStream } from '../support/bare-host.ts'
import { ControlHost, joinedNode } from '../support/control-host.ts'
import { HostileNode } from '../support/hostile-node.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { SESSION, type UnitParts, unitOf } from '../support/mesh-units.ts'

/** What a no-op gives. */
const RIGHT = encodeValue({})
const LARGE = encodeValue({ bytes: new Uint8Array(INLINE_BLOB_BYTES_MAX + 1) })

describe('a hostile node on a live link', function () {
  this.timeout(60_000)
  let started: Started
  let host: ControlHost
  let fill = 60

  beforeEach(async () => {
    started = new Started()
    host = await ControlHost.start({ dataDir: await started.folder(), recoveryGraceMs: 0 })
    started.add(host, (one) => one.stop())
    await host.open()
  })
  afterEach(async () => {
    await started.endAll()
    deepEqual(host.fatal, [], 'a stranger never brings the gateway down')
  })

  async function hostile(): Promise<HostileNode> {
    fill += 1
    const { id: mesh } = host.genesis
    const node = await HostileNode.start(started, { mesh, address: host.address, fill })
    node.join()
    await until(() => host.connected().includes(node.peer), 'the hostile node is welcome')
    return node
  }

  function submit(task: string, parts: UnitParts = {}): PackedUnit {
    const unit = unitOf(task, parts)
    host.gateway.submit(SESSION, [{ unit, edges: [] }])
    return unit
  }

  /** An honest node joins; the unit ends well on it, is paid once, and to it alone. */
  async function endsRight(unit: PackedUnit): Promise<UnitOutcome> {
    const honest = await joinedNode(started, host)
    const [outcome] = await host.outcome(unit.id)
    equal(outcome?.status, 'success')
    await host.gateway.close(SESSION, 'success', '00'.repeat(32))
    deepEqual(host.ledger.fold.rejections(), [])
    ok(balancesSumToZero(host.ledger.fold.balances()))
    const accepted = await acceptedOf(unit)
    deepEqual(accepted, [honest.peerId])
    ok(outcome !== undefined)
    return outcome
  }

  /** Who was paid for the unit, as the ledger has it. */
  async function acceptedOf(unit: PackedUnit): Promise<string[]> {
    const history = await host.ledger.history(SESSION)
    return (history?.units.get(unit.id)?.accepted ?? []).map(({ node }) => node)
  }

  const refusals = (): string[] =>
    host.reports.flatMap((report) => (report.type === 'refused' ? [report.code] : []))

  it('is told that its lease has expired, and its late result is unpaid', async () => {
    const node = await hostile()
    const timeouts = { dispatch_ms: 200, run_ms: 200 }
    const unit = submit('late', { timeouts })
    const [offer] = await node.granted(1)
    ok(offer)
    await until(() => node.revoked().includes('expired'), 'the lease expires')
    node.send({ kind: 'withdraw', body: { v: 1, claim: 1, reason: 'draining' } })
    node.send(node.result(offer, RIGHT))
    node.send(node.result(offer, RIGHT))
    await until(() => node.verdicts().length === 2, 'an answer to each')
    deepEqual(node.verdicts(), Array(2).fill('redundant lease.expired 0'))
    deepEqual(refusals(), ['lease.expired', 'lease.expired'])
    ok(node.isLinked)
    await endsRight(unit)
  })

  it('cannot send a result for the lease of another', async () => {
    const holder = await hostile()
    const unit = submit('held')
    const [offer] = await holder.granted(1)
    ok(offer)
    const thief = await hostile()
    thief.send(thief.result(offer, RIGHT))
    await until(() => thief.verdicts().length === 1, 'the answer')
    deepEqual(thief.verdicts(), ['rejected lease.not_yours 0'])
    deepEqual(refusals(), ['lease.not_yours'])
    holder.send(holder.result(offer, RIGHT))
    const [outcome] = await host.outcome(unit.id)
    equal(outcome?.status, 'success')
    deepEqual(await acceptedOf(unit), [holder.peer])
  })

  it('is paid once for a result that it replays', async () => {
    const node = await hostile()
    const unit = submit('once')
    const [offer] = await node.granted(1)
    ok(offer)
    const frame = node.sealed(node.result(offer, RIGHT))
    // while it is judged a second one says nothing new
    for (let time = 0; time < 2; time++) node.sendRaw(frame)
    await until(() => node.verdicts().length === 1, 'the verdict')
    for (let time = 0; time < 2; time++) node.sendRaw(frame)
    await until(() => node.verdicts().length === 3, 'an answer to each')
    const [first = ''] = node.verdicts()
    ok(first.startsWith('accepted accepted'))
    deepEqual(node.verdicts(), Array(3).fill(first))
    deepEqual(await acceptedOf(unit), [node.peer])
    await host.gateway.close(SESSION, 'success', '00'.repeat(32))
    deepEqual(host.ledger.fold.rejections(), [])
    ok(balancesSumToZero(host.ledger.fold.balances()))
  })

  it('loses with a replayed hello the leases that it held, and nobody else does', async () => {
    const node = await hostile()
    const unit = submit('dropped')
    const [offer] = await node.granted(1)
    ok(offer)
    // the very first hello again: it names no lease
    const replayed = node.sealed(node.helloFrame())
    for (let time = 0; time < 3; time++) node.sendRaw(replayed)
    node.send(node.result(offer, RIGHT))
    await until(() => node.verdicts().length === 1, 'the answer')
    deepEqual(node.verdicts(), ['redundant unit.lost 0'])
    equal(host.connected().filter((one) => one === node.peer).length, 1)
    await endsRight(unit)
  })

  it('is named where it serves other bytes than its result says, and the unit goes elsewhere', async () => {
    const node = await hostile()
    const asked = node.serve(encodeValue({ forged: new Uint8Array(INLINE_BLOB_BYTES_MAX + 1) }))
    const unit = submit('forged', { retries: { max_attempts: 3, backoff_ms: 0 } })
    const [offer] = await node.granted(1)
    ok(offer)
    node.send({ kind: 'withdraw', body: { v: 1, claim: 1, reason: 'draining' } })
    node.send(node.result(offer, LARGE, { inline: false }))
    await until(() => node.verdicts().length === 1, 'the verdict')
    deepEqual(node.verdicts(), ['redundant blob.not_found 0'])
    equal(asked.length, 1)
    deepEqual(refusals(), ['blob.mismatch'])
    const { outputCid } = await endsRight(unit)
    ok(outputCid !== null)
    const kept = await host.blobs.get(outputCid)
    ok(kept !== null)
    deepEqual(decodeValue(kept), decodeValue(RIGHT))
  })

  it('is cut off where it announces a frame over the limit, on whatever link', async () => {
    const unit = submit('oversized')
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, FRAME_BYTES_MAX + 1)
    for (const kind of ['work', 'blob', 'sync'] as const) {
      fill += 1
      const protocol = LINK_PROTOCOLS[kind]
      const stream = await bareStream(started, host.address, { fill, protocol })
      stream.send(length)
      await until(() => stream.status !== 'open', `the ${kind} stream is reset`)
    }
    await until(() => refusals().includes('net.frame_too_large'), 'the refusal by name')
    await endsRight(unit)
  })
})
