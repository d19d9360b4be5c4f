/** The full check of a ledger: each kind of damage that a disk or a hand can do to it is named. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import type { Ledger } from '#ledger'
import { KEY, LogKeys } from '../../ledger/store/keys.ts'
import {
  CONTROL_LOG,
  nodeA,
  openControl,
  opening,
  openNode,
  reserved,
  unitOf
} from '../support/ledger-fixtures.ts'

const keys = new LogKeys(CONTROL_LOG)

describe('the full check of a ledger', () => {
  const level = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view'
  })
  let ledger: Ledger

  before(async () => {
    ledger = await openControl({ level })
    await ledger.append(opening())
    for (const name of ['a', 'b', 'c']) {
      await ledger.append([reserved([{ unit: unitOf(name), attempt: 1, node: nodeA }])])
    }
  })
  after(() => ledger.close())

  /** What the check says while one stored value is another, and that it is sound again after. */
  async function faultsWith(key: Uint8Array, value: Uint8Array | undefined): Promise<string[]> {
    const sound = await level.get(key)
    ok(sound !== undefined)
    if (value === undefined) await level.del(key)
    else await level.put(key, value)
    const { ok: isSound, faults } = await ledger.verify()
    await level.put(key, sound)
    equal(isSound, false)
    deepEqual((await ledger.verify()).faults, [])
    return faults.map(({ what }) => what)
  }

  const stored = async (kind: (typeof KEY)[keyof typeof KEY], seq: number): Promise<Uint8Array> => {
    const value = await level.get(keys.key(kind, seq))
    ok(value !== undefined)
    return value
  }
  const endSeq = (): number => ledger.head(CONTROL_LOG)?.seq ?? -1

  it('counts what it saw of a sound one', async () => {
    const report = await ledger.verify()
    deepEqual(report.faults, [])
    equal(report.logs, 1)
    equal(report.entries, endSeq() + 1)
    ok(report.heads >= 4)
  })

  it('names an entry that is gone, and the state that no longer follows', async () => {
    const faults = await faultsWith(keys.key(KEY.entry, endSeq() - 1), undefined)
    ok(faults.includes('the chain is broken'))
    ok(faults.includes('an entry is missing'))
    ok(faults.includes('folding anew gives another state'))
  })

  it('names an entry that stands where another was', async () => {
    const faults = await faultsWith(
      keys.key(KEY.entry, endSeq()),
      await stored(KEY.entry, endSeq() - 1)
    )
    ok(faults.includes('the chain is broken'))
  })

  it('names the head of another entry', async () => {
    const other = await openControl()
    await other.append(opening())
    await other.append([reserved([{ unit: unitOf('else'), attempt: 1, node: nodeA }])])
    const head = other.head(CONTROL_LOG)
    ok(head !== null)
    deepEqual(await faultsWith(keys.key(KEY.head, head.seq), head.bytes), [
      'the head is of another entry'
    ])
    await other.close()
  })

  it('names a head that its author did not sign', async () => {
    const forged = (await stored(KEY.head, endSeq())).map((byte, at) => (at === 200 ? ~byte : byte))
    const [fault] = await faultsWith(keys.key(KEY.head, endSeq()), forged)
    ok(fault?.startsWith('a signed head does not verify: '))
  })

  it('names a head and an entry of another log', async () => {
    const node = await openNode(nodeA)
    await node.append([
      {
        kind: 'node.observed',
        body: { node: nodeA.peerId, state: 'active', health_milli: 1, reason: 'heartbeat' }
      }
    ])
    const head = node.head(node.ownLog)
    ok(head !== null)
    deepEqual(await faultsWith(keys.key(KEY.head, endSeq()), head.bytes), [
      'the head is of another log'
    ])
    const [entry] = await collect(node, head.seq)
    ok(entry !== undefined)
    const faults = await faultsWith(keys.key(KEY.entry, endSeq()), entry)
    ok(faults.includes('the entry is of another log'))
    await node.close()
  })

  async function collect(of: Ledger, toSeq: number): Promise<Uint8Array[]> {
    const bundle = await of.bundle(of.ownLog, 0, 1_000_000)
    equal(bundle?.entries.length, toSeq + 1)
    return [...(bundle?.entries ?? [])]
  }
})
