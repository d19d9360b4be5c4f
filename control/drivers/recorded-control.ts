/**
 * What a data folder says by itself: sessions as they ended, the ledger, bills, replays. Serves the
 * commands where no control node runs, and is the reading half of one that does. Starts nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  bytesToHex,
  isSessionId,
  MeshError,
  type PlacedEntry,
  parseSessionId,
  type SessionId
} from '#contracts'
import type { AccountBalance, Ledger } from '#ledger'
import type { OutputFile } from '../session/output-view.ts'
import type {
  BillDocument,
  ExplainDocument,
  LedgerReportDocument,
  SessionDocument,
  StatusDocument
} from './control-service.ts'
import { writeWhole } from './whole-file.ts'

export class RecordedControl {
  readonly #sessionsFolder: string
  readonly #ledger: Ledger

  constructor(dataFolder: string, ledger: Ledger) {
    this.#sessionsFolder = join(dataFolder, 'sessions')
    this.#ledger = ledger
  }

  /** Keeps a session's document; it is there whole or not at all. */
  keep(document: SessionDocument): void {
    const path = this.#pathOf(parseSessionId(document.session))
    writeWhole(path, JSON.stringify(document))
  }

  /** Writes a session's outputs as files of its own folder; gives where they lie. */
  keepOutputs(session: SessionId, files: readonly OutputFile[]): Readonly<Record<string, string>> {
    const folder = resolve(this.#sessionsFolder, session)
    const paths: Record<string, string> = {}
    for (const { name, bytes } of files) {
      const path = join(folder, name)
      writeWhole(path, bytes)
      paths[name] = path
    }
    return paths
  }

  has(session: SessionId): boolean {
    return existsSync(this.#pathOf(session))
  }

  result(session: SessionId): SessionDocument {
    try {
      return JSON.parse(readFileSync(this.#pathOf(session), 'utf8'))
    } catch (cause) {
      throw new MeshError('session.unknown', { session }, { cause })
    }
  }

  status(mine: (session: SessionId) => boolean = () => true): StatusDocument {
    const { fold, genesis } = this.#ledger
    const sessions = fold.sessions().filter(({ session }) => mine(session))
    return {
      mesh: genesis.id,
      peer_id: genesis.genesis.sequencer,
      addresses: [],
      sessions: sessions.map(({ session, stopReason, postedMicro }) => {
        const document = this.has(session) ? this.result(session) : null
        return {
          session,
          graph_id: document?.graph_id ?? '?',
          status: document?.status ?? (stopReason === null ? 'interrupted' : stopReason),
          units_done: document?.units.filter(({ status }) => status === 'success').length ?? 0,
          units_total: document?.units.length ?? 0,
          spent_micro: postedMicro
        }
      }),
      nodes: fold.nodes().map((node) => ({
        node: node.node,
        owner: node.owner,
        state: node.state,
        health_milli: node.healthMilli,
        trust_milli: node.scoreMilli,
        running: 0,
        slots: 0,
        models: 0
      }))
    }
  }

  /** A unit by its id, or by an ending of it that only one unit has. */
  explain(unit: string, mine: (session: SessionId) => boolean = () => true): ExplainDocument {
    const rows = this.#ledger.fold
      .sessions()
      .filter(({ session }) => mine(session) && this.has(session))
      .flatMap(({ session }) => this.result(session).units)
      .filter(
        (row) => row.unit === unit || (unit.length >= 6 && row.unit.endsWith(unit.replace('…', '')))
      )
    const row = rows[0]
    if (row === undefined) throw new MeshError('unit.unknown', { unit: unit.slice(0, 80) })
    if (rows.some((other) => other.unit !== row.unit))
      throw new MeshError('unit.ambiguous', { unit })
    const why =
      row.error === null ? 'nothing: it has ended' : `${row.error.code}: ${row.error.detail}`
    return { unit: row.unit, state: row.status, attempts: row.executions, refusals: [], next: why }
  }

  bill(session: SessionId | null): BillDocument {
    const { fold } = this.#ledger
    const sessions = session === null ? fold.sessions().map((one) => one.session) : [session]
    const bills = sessions.map((id) => {
      const bill = fold.bill(id)
      if (bill === null) throw new MeshError('session.unknown', { session: id })
      return bill
    })
    return {
      session,
      lines: bills.flatMap(({ lines }) => lines),
      total_micro: bills.reduce((sum, bill) => sum + bill.totalMicro, 0),
      ...this.balances()
    }
  }

  balances(): Pick<BillDocument, 'balances' | 'sum_micro'> {
    const accounts: readonly AccountBalance[] = this.#ledger.fold.balances()
    return {
      balances: Object.fromEntries(accounts.map(({ account, balance }) => [account, balance])),
      sum_micro: accounts.reduce((sum, { balance }) => sum + balance, 0)
    }
  }

  async verifyLedger(): Promise<LedgerReportDocument> {
    const { ok, logs, heads, entries, digest, faults } = await this.#ledger.verify()
    return {
      ok: ok && this.balances().sum_micro === 0,
      mesh: this.#ledger.genesis.id,
      logs,
      heads,
      entries,
      digest,
      sum_micro: this.balances().sum_micro,
      rejections: this.#ledger.fold.rejectionCounts().map(([rule, count]) => ({ rule, count })),
      faults
    }
  }

  async *exportLedger(): AsyncGenerator<string> {
    for await (const entry of this.#ledger.ordered()) yield entryJson(entry)
  }

  #pathOf(session: SessionId): string {
    if (!isSessionId(session)) throw new MeshError('session.unknown', { session })
    return join(this.#sessionsFolder, `${session}.json`)
  }
}

/** Bytes as hex; everything else as it stands. */
function entryJson(entry: PlacedEntry): string {
  const { log, seq, kind, prev, hash } = entry
  return JSON.stringify(
    { log, seq, kind, prev, hash, body: 'body' in entry ? entry.body : null },
    (_, value) => (value instanceof Uint8Array ? bytesToHex(value) : value)
  )
}
