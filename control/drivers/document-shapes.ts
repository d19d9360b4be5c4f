/**
 * Documents of a control node on another machine, read before anything here relies on them: what the
 * commands show has its shape, and the rest is kept as it came.
 */
import { z } from 'zod'
import { MeshError, readShape } from '#contracts'
import {
  type BillDocument,
  type ExplainDocument,
  NODE_STANDINGS,
  type ReplayDocument,
  type SessionDocument,
  type StatusDocument
} from './control-service.ts'

const count = z.number()
const Execution = z.looseObject({
  attempt: count,
  node: z.string(),
  backend: z.looseObject({ runtime: z.string(), provider: z.string() }).nullable(),
  ms: count,
  verdict: z.string(),
  reason: z.string()
})
const Bill = z.looseObject({
  session: z.string().nullable(),
  lines: z.array(
    z.looseObject({
      unit: z.string(),
      attempt: count,
      node: z.string(),
      item: z.string(),
      micro: count
    })
  ),
  total_micro: count,
  balances: z.record(z.string(), count),
  sum_micro: count,
  escrow: z
    .array(
      z.looseObject({ node: z.string(), micro: count, checks_first: count, checks_all: count })
    )
    .optional()
})
const Unit = z.looseObject({
  unit: z.string(),
  task: z.string(),
  index: count,
  kind: z.string(),
  status: z.string(),
  node: z.string().nullable(),
  backend: z.string().nullable(),
  ms: count,
  attempts: count,
  verification: z.string(),
  cost_micro: count,
  executions: z.array(Execution)
})
const Session = z.looseObject({
  session: z.string(),
  mesh: z.string().nullable(),
  status: z.enum(['completed', 'failed', 'cancelled']),
  stop_reason: z.string(),
  state_hash: z.string(),
  outputs: z.record(z.string(), z.unknown()),
  units: z.array(Unit),
  model_calls: count,
  avoided: count,
  avoided_because: z.array(z.string()),
  receipts_checked: count,
  error: z.looseObject({ code: z.string(), detail: z.string() }).nullable(),
  bill: Bill.nullable()
})
const Status = z.looseObject({
  mesh: z.string(),
  peer_id: z.string(),
  addresses: z.array(z.string()),
  sessions: z.array(
    z.looseObject({
      session: z.string(),
      graph_id: z.string(),
      status: z.string(),
      units_done: count,
      units_total: count,
      spent_micro: count
    })
  ),
  nodes: z.array(
    z.looseObject({
      node: z.string(),
      owner: z.string(),
      state: z.string(),
      health_milli: count,
      trust_milli: count,
      standing: z.enum(NODE_STANDINGS).default('scored'),
      checks_needed: count.default(0),
      running: count,
      slots: count,
      models: count
    })
  )
})
const Explain = z.looseObject({
  unit: z.string(),
  state: z.string(),
  attempts: z.array(Execution),
  refusals: z.array(z.looseObject({ node: z.string(), rule: z.string(), detail: z.string() })),
  next: z.string()
})
const Replay = z.looseObject({
  session: z.string(),
  state_hash: z.string(),
  replay_hash: z.string(),
  ledger_digest: z.string(),
  replay_ledger_digest: z.string(),
  telemetry_equal: z.boolean(),
  equal: z.boolean(),
  difference: z.string().nullable()
})
const Submitted = z.looseObject({ session: z.string() })

const read = <S extends z.ZodType>(shape: S, text: Uint8Array): z.output<S> =>
  readShape(shape, parsed(text), 'control.answer_malformed')

function parsed(text: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (cause) {
    throw new MeshError('control.answer_malformed', { reason: 'not JSON' }, { cause })
  }
}

export const readSession = (text: Uint8Array): SessionDocument =>
  read(Session, text) as unknown as SessionDocument
export const readStatus = (text: Uint8Array): StatusDocument => read(Status, text)
export const readExplain = (text: Uint8Array): ExplainDocument =>
  read(Explain, text) as unknown as ExplainDocument
export const readReplay = (text: Uint8Array): ReplayDocument => read(Replay, text)
export const readBill = (text: Uint8Array): BillDocument => read(Bill, text)
export const readSubmitted = (text: Uint8Array): string => read(Submitted, text).session
