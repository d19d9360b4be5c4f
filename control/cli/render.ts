/**
 * Documents as lines for people: the same facts that `--json` prints, in tables. Decides nothing and
 * writes nothing.
 */
import { table } from '#mesh-node/cli'
import type {
  BalancesDocument,
  BillDocument,
  EscrowDocument,
  ExplainDocument,
  ReplayDocument,
  SessionDocument,
  StatusDocument,
  UnitRow
} from '../drivers/control-service.ts'

/** Enough of a peer id or content id to tell one from another: the end, since beginnings are alike. */
const SHORT_CHARS = 8
/** Lines of a bill that a terminal shows before it is cut; `--json` has them all. */
const BILL_LINES_MAX = 12

export const shortId = (id: string): string =>
  id.length <= SHORT_CHARS + 1 ? id : `…${id.slice(-SHORT_CHARS)}`

export function unitLines({ units }: Pick<SessionDocument, 'units'>): string[] {
  return table(
    [
      'unit',
      'task',
      '#',
      'kind',
      'node',
      'backend',
      'ms',
      'attempts',
      'verification',
      'micro',
      'status'
    ],
    units.map((row) => [
      shortId(row.unit),
      row.task,
      row.index,
      row.kind,
      row.node === null ? '-' : shortId(row.node),
      row.backend ?? '-',
      Math.round(row.ms),
      row.attempts,
      row.verification,
      row.cost_micro,
      row.status
    ])
  )
}

/** Attempts that were refused, with node and reason; empty where none was. */
export function refusalLines({ units }: Pick<SessionDocument, 'units'>): string[] {
  return units.flatMap((unit) =>
    unit.executions
      .filter((execution) => execution.verdict === 'rejected')
      .map(
        (execution) =>
          `refused: ${unit.task}[${unit.index}] attempt ${execution.attempt} of node ${shortId(execution.node)}: ${execution.reason}, unpaid`
      )
  )
}

export function billLines(bill: BillDocument): string[] {
  const shown = bill.lines.slice(0, BILL_LINES_MAX)
  const cut = bill.lines.length - shown.length
  return [
    ...table(
      ['unit', 'attempt', 'node', 'item', 'micro'],
      shown.map((line) => [
        shortId(line.unit),
        line.attempt,
        shortId(line.node),
        line.item,
        line.micro
      ])
    ),
    ...(cut > 0 ? [`… and ${cut} more lines (--json shows all)`] : []),
    `total: ${bill.total_micro} micro-credits`,
    ...balanceLines(bill)
  ]
}

export function balanceLines({ balances, sum_micro, escrow = [] }: BalancesDocument): string[] {
  const rows = Object.entries(balances).map(([account, micro]) => [account, micro])
  return [
    ...table(['account', 'balance micro'], rows),
    `sum of all balances: ${sum_micro}`,
    ...escrow.map(escrowLine)
  ]
}

/** Earned and posted: what is left is that later checks find nothing wrong. */
function escrowLine({ node, micro, checks_first, checks_all }: EscrowDocument): string {
  const more = checks_all > checks_first ? `, all of it after ${checks_all}` : ''
  const results = checks_first === 1 ? 'result is' : 'results are'
  return `${shortId(node)} has ${micro} micro in escrow until ${checks_first} more of its ${results} checked${more}`
}

export function sessionLines(session: SessionDocument): string[] {
  return [
    `session ${session.session}: ${session.status} (${session.stop_reason})`,
    ...(session.error === null ? [] : [`error: ${session.error.code}: ${session.error.detail}`]),
    '',
    ...Object.entries(session.outputs).flatMap(([name, value]) => outputLines(name, value)),
    '',
    ...unitLines(session),
    ...refusalLines(session),
    '',
    `model calls: ${session.model_calls}, avoided: ${session.avoided}`,
    ...session.avoided_because.map((line) => `  ${line}`),
    `receipts checked: ${session.receipts_checked}`,
    ...(session.bill === null ? [] : ['', ...billLines(session.bill)]),
    '',
    `state hash: ${session.state_hash}`
  ]
}

/** An output that has a `text` shows it as text; everything else as JSON. */
export function outputLines(name: string, value: unknown): string[] {
  if (typeof value === 'string') return [`${name}:`, indent(value)]
  if (
    typeof value === 'object' &&
    value !== null &&
    'text' in value &&
    typeof value.text === 'string'
  ) {
    return [`${name}:`, indent(value.text), ...segmentLines(value)]
  }
  return [`${name}:`, indent(JSON.stringify(value, null, 2))]
}

function segmentLines(value: object): string[] {
  const segments = 'segments' in value && Array.isArray(value.segments) ? value.segments : []
  return segments.flatMap((segment: unknown) => {
    if (typeof segment !== 'object' || segment === null) return []
    const { start_ms, end_ms, text } = { start_ms: null, end_ms: null, text: null, ...segment }
    return typeof text === 'string'
      ? [`    ${seconds(start_ms)} to ${seconds(end_ms)}  ${text}`]
      : []
  })
}

const seconds = (ms: unknown): string =>
  typeof ms === 'number' ? `${(ms / 1000).toFixed(2)} s` : '?'

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')

export function replayLines(replay: ReplayDocument): string[] {
  return [
    `state hash:  ${replay.state_hash}`,
    `replay hash: ${replay.replay_hash}`,
    `ledger digest:  ${replay.ledger_digest}`,
    `replayed ledger: ${replay.replay_ledger_digest}`,
    `telemetry: ${replay.telemetry_equal ? 'told again' : 'told otherwise'}`,
    replay.equal ? 'equal' : `different: ${replay.difference ?? 'hashes differ'}`
  ]
}

export function statusLines(status: StatusDocument): string[] {
  return [
    `mesh ${status.mesh}`,
    `peer ${status.peer_id}`,
    ...status.addresses.map((address) => `  ${address}`),
    '',
    ...table(
      ['session', 'graph', 'status', 'done', 'units', 'micro'],
      status.sessions.map((row) => [
        row.session,
        row.graph_id,
        row.status,
        row.units_done,
        row.units_total,
        row.spent_micro
      ])
    ),
    '',
    ...table(
      ['node', 'owner', 'state', 'health', 'trust', 'standing', 'running', 'slots', 'models'],
      status.nodes.map((row) => [
        shortId(row.node),
        shortId(row.owner),
        row.state,
        row.health_milli,
        row.trust_milli,
        row.checks_needed > 0 ? `${row.standing}, ${row.checks_needed} to go` : row.standing,
        row.running,
        row.slots,
        row.models
      ])
    )
  ]
}

const backendText = (backend: UnitRow['executions'][number]['backend']): string =>
  backend === null ? '-' : `${backend.runtime}/${backend.provider}`

/** A node, or the words that stand where no single node is refused. */
const refusedName = (node: string): string => (node.startsWith('(') ? node : shortId(node))

export function explainLines(explained: ExplainDocument): string[] {
  return [
    `unit ${explained.unit}: ${explained.state}`,
    '',
    ...table(
      ['attempt', 'node', 'backend', 'ms', 'verdict', 'reason'],
      explained.attempts.map((row) => [
        row.attempt,
        shortId(row.node),
        backendText(row.backend),
        Math.round(row.ms),
        row.verdict,
        row.reason
      ])
    ),
    '',
    ...table(
      ['node', 'refused by rule', 'detail'],
      explained.refusals.map((row) => [refusedName(row.node), row.rule, row.detail])
    ),
    `next: ${explained.next}`
  ]
}
