/** LevelDB's write-ahead log, checked before LevelDB drops what it cannot read. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { checkLevelLogs } from '#mesh-node'
import { damageIn } from '../../mesh-node/level-log.ts'
import { withCode } from '../support/mesh-fixtures.ts'

describe('the write-ahead log of a store', () => {
  let folder = ''
  let path = ''
  let log: Uint8Array
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kora-level-'))
    const level = new ClassicLevel(folder)
    // records within a block, one over several blocks, and one that ends near the end of a block
    for (const size of [10, 1_000, 100_000, 29_900, 500]) {
      await level.put(`key ${size}`, 'v'.repeat(size))
    }
    await level.close()
    path = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? '')
    log = readFileSync(path)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('is whole as LevelDB writes it, and cut off anywhere as by a crash', () => {
    equal(damageIn(log), null)
    for (let end = 0; end < log.length; end += 997) equal(damageIn(log.subarray(0, end)), null)
    equal(damageIn(Buffer.concat([log, Buffer.alloc(4_096)])), null)
  })

  it('is damaged with any of its bytes changed, at the record that holds it', () => {
    for (let at = 0; at < log.length; at += 499) {
      const changed = Uint8Array.from(log)
      changed[at] = (changed[at] ?? 0) ^ 0x40
      const found = damageIn(changed)
      // a length that now reaches over the end looks like a record that was cut off
      if (found !== null) equal(found <= at, true, `${found} is after ${at}`)
      else deepEqual([log.length - at < 32_768], [true])
    }
  })

  it('keeps a damaged store shut, and is left as it is', () => {
    const changed = Uint8Array.from(log)
    changed[500] = (changed[500] ?? 0) ^ 1
    writeFileSync(path, changed)
    throws(() => checkLevelLogs(folder), withCode('ledger.store_corrupted'))
    deepEqual(new Uint8Array(readFileSync(path)), changed)
    checkLevelLogs(join(folder, 'none'))
  })
})
