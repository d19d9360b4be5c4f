/**
 * A run's report read back from the JSON that `kora sim run` wrote, for its page. A file of somebody's
 * is refused at the place of its fault; it runs nothing.
 */
import { z } from 'zod'
import { ISSUES_MAX, MeshError, shapeIssues } from '#contracts'

const REPORT_BYTES_MAX = 64 * 1024 * 1024
const LIST_MAX = 1_000_000

const count = z.int().min(0)
const Series = z.object({
  looks: z
    .array(
      z.object({
        at_ms: count,
        units_submitted: count,
        units_ended: count,
        nodes_up: count,
        spent_micro: z.int(),
        held_micro: z.int(),
        trust_milli: z.record(z.string(), z.number())
      })
    )
    .max(LIST_MAX)
    .readonly(),
  turnaround_ms: z
    .array(z.tuple([z.number(), z.number()]).readonly())
    .max(LIST_MAX)
    .readonly(),
  matrix: z.string().nullable(),
  places: z
    .array(z.object({ place: count, nodes: count, executions: count }))
    .max(LIST_MAX)
    .readonly()
})

/** What a page shows of a run; a run's report has more. */
const ShownRun = z.object({
  scenario: z.string(),
  claim: z.string(),
  seed: z.int(),
  nodes: count,
  events: count,
  virtual_ms: z.number(),
  trace_hash: z.string(),
  violations: z
    .array(z.object({ rule: z.string(), at_ms: z.number(), detail: z.string() }))
    .max(LIST_MAX)
    .readonly(),
  units: z.object({
    submitted: count,
    accepted: count,
    wrong_accepted: count,
    failed: count,
    executions: count
  }),
  gossip: z.object({
    delivery_p50_ms: z.number(),
    delivery_p99_ms: z.number(),
    duplicates: z.number()
  }),
  bids_per_unit: z.number(),
  ledger_digest: z.string(),
  is_partial: z.boolean(),
  series: Series.exactOptional()
})
export type ShownRun = z.infer<typeof ShownRun>

/** Throws `report.invalid` with every fault. */
export function readRun(bytes: Uint8Array): ShownRun {
  const parsed = ShownRun.safeParse(plainOf(bytes))
  if (!parsed.success) throw invalid(shapeIssues(parsed.error))
  return parsed.data
}

function plainOf(bytes: Uint8Array): unknown {
  if (bytes.length > REPORT_BYTES_MAX) {
    const message = `${bytes.length} bytes of ${REPORT_BYTES_MAX}`
    throw invalid([{ path: '', rule: 'too_large', message }])
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw invalid([{ path: '', rule: 'not_json', message }])
  }
}

const invalid = (issues: ReturnType<typeof shapeIssues>): MeshError =>
  new MeshError(
    'report.invalid',
    { faults: issues.length },
    { issues: issues.slice(0, ISSUES_MAX) }
  )
