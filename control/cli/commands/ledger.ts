/** `kora ledger verify | balance | bill | export`. */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { type Exit, MeshError, parseSessionId } from '#contracts'
import { type CommandContext, table } from '#mesh-node/cli'
import { balanceLines, billLines } from '../render.ts'
import { withReader } from './reading.ts'

export interface LedgerFlags {
  readonly data: string
  readonly json: boolean
}

export async function verify({ data, json }: LedgerFlags, { io }: CommandContext): Promise<Exit> {
  const report = await withReader(data, (reader) => reader.verifyLedger())
  if (json) io.out(JSON.stringify(report))
  else {
    io.out(`mesh ${report.mesh}`)
    io.out(`${report.logs} logs, ${report.heads} signed heads, ${report.entries} entries`)
    io.out(`digest ${report.digest}`)
    io.out(`sum of all balances: ${report.sum_micro}`)
    for (const line of table(
      ['rejected by rule', 'entries'],
      report.rejections.map(({ rule, count }) => [rule, count])
    )) {
      if (report.rejections.length > 0) io.out(line)
    }
    for (const fault of report.faults)
      io.out(`fault: log ${fault.log} entry ${fault.seq}: ${fault.what}`)
    io.out(report.ok ? 'sound' : 'NOT sound')
  }
  return report.ok ? 'ok' : 'failed'
}

export async function balance({ data, json }: LedgerFlags, { io }: CommandContext): Promise<Exit> {
  const balances = await withReader(data, (reader) => reader.balances())
  if (json) io.out(JSON.stringify(balances))
  else for (const line of balanceLines(balances)) io.out(line)
  return 'ok'
}

export async function bill(
  { data, json, session }: LedgerFlags & { readonly session?: string },
  { io }: CommandContext
): Promise<Exit> {
  const id = session === undefined ? null : parseSessionId(session)
  const document = await withReader(data, (reader) => reader.bill(id))
  if (json) io.out(JSON.stringify(document))
  else for (const line of billLines(document)) io.out(line)
  return 'ok'
}

export async function exportEntries(
  { data, out }: LedgerFlags & { readonly out?: string },
  { io, signal }: CommandContext
): Promise<Exit> {
  return withReader<Exit>(data, async (reader) => {
    if (out === undefined) {
      for await (const line of reader.exportLedger()) io.out(line)
      return 'ok'
    }
    const file = createWriteStream(out, { flags: 'wx' })
    try {
      await once(file, 'open')
      for await (const line of reader.exportLedger()) {
        signal.throwIfAborted()
        if (!file.write(`${line}\n`)) await once(file, 'drain')
      }
      file.end()
      await finished(file)
    } catch (cause) {
      file.destroy()
      if (cause instanceof MeshError) throw cause
      throw new MeshError('output.unwritable', { file: out, reason: String(cause) }, { cause })
    }
    return 'ok'
  })
}
