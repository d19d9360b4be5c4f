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
  BalancesDocument,
  BillDocument,
  ExplainDocument,
  LedgerReportDocument,
  SessionDocument,
  StatusDocument
} from './control-service.ts'
import { readEvents } from './event-log.ts'
import { escrowOf, standingOf } from './standing-view.ts'
import { writeWhole } from './whole-file.ts'

export class RecordedControl {
  readonly #folder: string
  readonly #sessionsFolder: string
  readonly #ledger: Ledger

  constructor(dataFolder: string, ledger: Ledger) {
    this.#folder = dataFolder
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
        ...standingOf(this.#ledger, node.node),
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
      .flatMap(({ session }) => this.result(session).units.map((row) => ({ row, session })))
      .filter(
        ({ row }) =>
          row.unit === unit || (unit.length >= 6 && row.unit.endsWith(unit.replace('…', '')))
      )
    const [found] = rows
    if (found === undefined) throw new MeshError('unit.unknown', { unit: unit.slice(0, 80) })
    const { row, session } = found
    if (rows.some((other) => other.row.unit !== row.unit))
      throw new MeshError('unit.ambiguous', { unit })
    const next = this.#doubtOf(session, row.unit) ?? whyOf(row)
    return { unit: row.unit, state: row.status, attempts: row.executions, refusals: [], next }
  }

  /** What came of it later: its node was convicted or refuted when use had been made of its output. */
  #doubtOf(session: SessionId, unit: string): string | null {
    const doubt = readEvents(this.#folder, session).findLast(
      ({ type, work_unit_id }) => type === 'workunit.doubted' && work_unit_id === unit
    )
    if (doubt === undefined) return null
    const node = String(doubt.data['node'])
    return (
      `in doubt: node ${node} was caught giving wrong results after this one was used, and was not paid ` +
      'for it; run the graph again: what is in doubt is not taken from the cache'
    )
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

  balances(): BalancesDocument {
    const { fold } = this.#ledger
    const accounts: readonly AccountBalance[] = fold.balances()
    return {
      escrow: escrowOf(fold),
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

const whyOf = ({ error }: SessionDocument['units'][number]): string =>
  error === null ? 'nothing: it has ended' : `${error.code}: ${error.detail}`
