/**
 * A process that appends to a ledger on disk until it is killed, and says on stdout what it was told
 * is stored. Run by the crash test; argument: the folder of the store.
 */
import { ClassicLevel } from 'classic-level'
import type { EntryContent } from '#contracts'
import { accepted, nodeA, openControl, opening, reserved, unitOf } from './ledger-fixtures.ts'

const folder = process.argv[2] ?? ''
const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, {
  keyEncoding: 'view',
  valueEncoding: 'view'
})
const ledger = await openControl({ level, sync: false })
if (ledger.fold.sessions().length === 0) await ledger.append(opening())
const say = (seq: number): boolean => process.stdout.write(`${seq}\n`)
say(ledger.head(ledger.ownLog)?.seq ?? -1)
for (let round = ledger.head(ledger.ownLog)?.seq ?? 0; ; round++) {
  const runs = Array.from({ length: 5 }, (_, at) => ({
    unit: unitOf(`${round}-${at}`),
    attempt: 1,
    node: nodeA
  }))
  const writes: (readonly EntryContent[])[] = [[reserved(runs, 10)], [accepted(runs)]]
  const heads = await Promise.all(writes.map((contents) => ledger.append(contents)))
  say(heads.at(-1)?.seq ?? -1)
}
