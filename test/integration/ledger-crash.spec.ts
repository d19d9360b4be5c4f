/**
 * A ledger on a real disk: processes that are killed in the middle of appending lose nothing that
 * they were told is stored, and leave a store that opens; two processes never share one.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ClassicLevel } from 'classic-level'
import { balancesSumToZero, type Ledger } from '#ledger'
import { GENESIS, openControl, opening } from '../support/ledger-fixtures.ts'
import { withCode } from '../support/mesh-fixtures.ts'

const CHILD = join(import.meta.dirname, '../support/ledger-child.ts')
const KILLS = 8

describe('a ledger on disk', () => {
  let folder = ''
  const children = new Set<ChildProcess>()
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kora-ledger-'))
  })
  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    children.clear()
    rmSync(folder, { recursive: true, force: true })
  })

  const levelAt = () =>
    new ClassicLevel<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  const open = (): Promise<Ledger> => openControl({ level: levelAt(), sync: false })

  /** Kills a child after it has said this many words; gives the last one. */
  async function killedAfter(words: number): Promise<number> {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(child)
    let last = -1
    let heard = 0
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line)
      heard += 1
      if (heard >= words) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    equal(child.signalCode, 'SIGKILL')
    return last
  }

  it(`keeps what it said is stored through ${KILLS} kills, and sums to zero`, async function () {
    this.timeout(180_000)
    for (let kill = 0; kill < KILLS; kill++) {
      const stored = await killedAfter(2 + 3 * kill)
      const ledger = await open()
      const end = ledger.head(ledger.ownLog)?.seq ?? -1
      ok(end >= stored, `${stored} was stored and ${end} is there`)
      ok(balancesSumToZero(ledger.fold.balances()))
      deepEqual(ledger.fold.rejectionCounts(), [])
      if (kill === KILLS - 1) deepEqual((await ledger.verify()).faults, [])
      await ledger.close()
    }
  })

  it('is not opened while somebody holds it, and a second try in one process takes no lock away', async () => {
    const ledger = await open()
    for (let attempt = 0; attempt < 2; attempt++) {
      const options: SpawnOptions = { stdio: ['ignore', 'ignore', 'pipe'] }
      const child = spawn(process.execPath, [CHILD, folder], options)
      children.add(child)
      let said = ''
      child.stderr?.on('data', (chunk) => {
        said += String(chunk)
      })
      const [code] = await once(child, 'exit')
      ok(said.includes('ledger.store_locked'), said)
      equal(code, 1)
      await rejects(open(), withCode('ledger.store_locked'))
    }
    await ledger.close()
    await (await open()).close()
  })

  it('is refused where its files are damaged, and left as it is', async () => {
    const ledger = await open()
    for (let at = 0; at < 50; at++) await ledger.append(opening())
    await ledger.close()
    for (const name of readdirSync(folder)) {
      if (!name.endsWith('.log')) continue
      const path = join(folder, name)
      truncateSync(path, 20_000)
    }
    writeFileSync(join(folder, 'CURRENT'), 'MANIFEST-999999\n')
    const before = readdirSync(folder)
    await rejects(open(), withCode('ledger.store_corrupted'))
    ok(before.every((name) => readdirSync(folder).includes(name)))
  })

  it('is the same with every batch synced', async () => {
    const ledger = await openControl({ level: levelAt(), sync: true })
    await ledger.append(opening())
    const digest = ledger.fold.digest()
    await ledger.close()
    const again = await open()
    equal(again.fold.digest(), digest)
    equal(again.genesis.id, GENESIS.id)
    await again.close()
  })
})
